internal import ClickHouseStandIn
internal import Glibc
internal import Subprocess
internal import SystemPackage

extension KillRound {
    enum Ending {
        /// It died where it was to die.
        case killed
        /// It did not get there, and was killed, or closed its writer and ended.
        case missed
        /// It failed.
        case failed
    }

    /// Starts a child on the spool and lets it write until it dies. Where it is to die in a salvage, another one dies before it.
    func runCycle(
        _ point: KillPoint,
        isPowerLossProof: Bool? = nil,
        using generator: inout SeededGenerator
    ) async throws -> Ending {
        if point.isInOpening {
            // Its owner dies first, with its newest commits in the WAL.
            guard try await runCycle(.append, isPowerLossProof: true, using: &generator) == .killed else {
                return .missed
            }
            guard try KilledWAL(ofSpool: spool)?.damage(using: &generator) == true else { return .missed }
        }
        var order = KillOrder(point, spool: spool, url: standIn.url, first: ledger.next, using: &generator)
        if let isPowerLossProof { order.isPowerLossProof = isPowerLossProof }
        let trap = trap(for: order, using: &generator)
        if trap == nil { planFaults(using: &generator) }
        // None at all is a death while the spool is being opened.
        let acknowledgements = Int.random(in: 0...300, using: &generator)
        let delay = Duration.milliseconds(Int.random(in: 0...(acknowledgements == 0 ? 150 : 15), using: &generator))

        let result = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: ["kill-child", try order.text],
            input: .none,
            output: .sequence,
            error: .string(limit: 64 << 10)
        ) { [witness] process in
            if var trap {
                trap.process = process.processIdentifier.value
                witness.set(trap)
            }
            let kill: @Sendable (Duration) -> Task<Bool, Never> = { delay in
                Task {
                    guard (try? await Task.sleep(for: delay)) != nil else { return false }
                    return (try? process.send(signal: .kill)) != nil
                }
            }
            let isDueAtOnce = point == .random && acknowledgements == 0
            var killers = [kill(isDueAtOnce ? delay : Self.patience)]
            var writes: [Int] = []
            for try await line in process.standardOutput.strings() {
                guard let number = Int(line.filter(\.isNumber)) else { continue }
                writes.append(number)
                if point == .random, writes.count == acknowledgements { killers.append(kill(delay)) }
            }
            // The child's end of the pipe is closed: it is dead, or about to be.
            let hasSprung = witness.removeTrap()
            var wasKilled = false
            for killer in killers {
                killer.cancel()
                if await killer.value { wasKilled = true }
            }
            return (writes, hasSprung, wasKilled)
        }
        let (writes, hasSprung, wasKilled) = result.closureResult
        ledger.add(acknowledged: writes)
        switch result.terminationStatus {
        case .signaled(SIGKILL):
            if point == .random { return .killed }
            return hasSprung || (trap == nil && !wasKilled) ? .killed : .missed
        case .exited(0) where order.acknowledgementsBeforeClose != nil:
            return .missed
        default:
            report("a child ended with \(result.terminationStatus): \(result.standardError)")
            return .failed
        }
    }

    /// After it a child is killed that does not get to its point.
    private static let patience = Duration.seconds(10)

    private func trap(for order: KillOrder, using generator: inout SeededGenerator) -> InsertWitness.Trap? {
        var trap = InsertWitness.Trap(process: 0, moment: .received, occurrence: order.occurrence)
        switch order.point {
        case .send:
            let isStored = Bool.random(using: &generator)
            trap.prepare = { [standIn] in if !isStored { standIn.faults.add(.dropBeforeProcessing) } }
        case .reply:
            trap.moment = .stored
            trap.delay = Bool.random(using: &generator) ? .milliseconds(1) : nil
        case .random, .append, .freeze, .acknowledge, .commit, .checkpoint, .migration, .repair, .salvage:
            return nil
        }
        return trap
    }

    /// In every third cycle something goes wrong with ClickHouse too.
    private func planFaults(using generator: inout SeededGenerator) {
        guard Int.random(in: 0..<3, using: &generator) == 0 else { return }
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            if let fault = Self.faults.randomElement(using: &generator) { standIn.faults.add(fault) }
        }
    }

    private static let faults: [Fault] = [
        .dropBeforeProcessing,
        .dropAfterProcessing,
        .dropAfterProcessing,
        .error(status: 500, code: 241, message: "Memory limit exceeded"),
        .error(status: 503, code: nil, message: "no backend", retryAfter: nil),
        .error(status: 404, code: 60, message: "Table ibex.torture does not exist"),
        // Cuts the batch into smaller ones with tokens of their own.
        .error(status: 400, code: 27, message: "Cannot parse input: (at row 2)"),
        .errorAfterProcessing(status: 500, code: 159, message: "Timeout exceeded"),
        .delay(.milliseconds(20)),
        .unexpectedBody("Ok."),
        .foreignQueryID,
        .garbage,
    ]
}
