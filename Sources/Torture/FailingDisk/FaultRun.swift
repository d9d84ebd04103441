internal import FaultyDisk
internal import SQLiteSpool

/// One run on a disk of which one call fails, once or for good, and what is there when the disk is well again.
struct FaultRun {
    struct Findings {
        /// Whether the call that fails was made; how many are made can differ a little from run to run.
        var isFaultSeen = false
        var acknowledged = 0
        var lost = 0
        var duplicated = 0
        /// Records that were stored although `append` threw on them.
        var storedThoughRefused = 0
        /// The same, where the disk stayed broken, so that nothing could be taken back.
        var storedOnBrokenDisk = 0
        /// Whether the spool took records again before it was opened anew by its owner.
        var wentOn = false
        /// What may never be, in words.
        var wrong: [String] = []
    }

    let durability: SpoolConfiguration.Durability
    /// Whether hundreds of records stay in the spool, in pages that nothing writes again, and another process has it open.
    /// Then the next sync of the database fails after as many appends as the fault says calls.
    let isLarge: Bool
    let watchdog: Watchdog
    let runSeed: UInt64

    /// The kinds of the calls of a run without a fault.
    func measure(in scratch: inout ScratchDirectory) async throws -> [DiskCall] {
        let disk = try FaultyDisk(directory: try scratch.makeDirectory())
        var workload = Workload(on: disk, watchdog: watchdog)
        _ = await live(&workload, nil)
        if let (call, error) = workload.errors.first {
            throw SpoolError(.failed, "\(call) without any fault: \(error)")
        }
        let tally = workload.tally
        if isLarge, tally.slices < 10 || tally.checkpoints - tally.slices < 3 {
            throw SpoolError(.failed, "a large run of \(tally.checkpoints) checkpoints, \(tally.slices) of them slices")
        }
        return disk.calls
    }

    func run(
        _ fault: Fault,
        using generator: inout SeededGenerator,
        in scratch: inout ScratchDirectory
    ) async throws -> Findings {
        var findings = Findings()
        let disk = try FaultyDisk(directory: try scratch.makeDirectory(), fault: isLarge ? nil : fault)
        var workload = Workload(on: disk, watchdog: watchdog)
        let refusal = await live(&workload, fault)
        if let refusal { findings.wrong.append("the spool takes no records any more: \(refusal)") }
        findings.wentOn = workload.lastAppendSucceeded
        findings.isFaultSeen = disk.faultsSeen > 0
        if fault.operationsToCut == nil {
            disk.repair()
            try await comeBack(&workload, fault, &findings)
        }
        // What is acknowledged must be on the disk, and not in the memory of a system that a sync left in the dark.
        disk.cutPower()
        let directory = try scratch.makeDirectory()
        let survival = try disk.materialize(in: directory, using: &generator)
        workload = workload.moved(to: try FaultyDisk(directory: directory))
        try await checkAfterPowerCut(&workload, survival, &findings)
        findings.acknowledged = workload.account.total
        findings.duplicated = workload.destination.duplicated
        if workload.destination.reusedTokens > 0 { findings.wrong.append("a token came with other rows") }
        if workload.destination.alteredRecords > 0 { findings.wrong.append("a record arrived altered") }
        if workload.acknowledgedUnverified > 0 {
            findings.wrong.append(
                "\(workload.acknowledgedUnverified) records acknowledged after a failed sync, unverified"
            )
        }
        return findings
    }

    /// A writer's life: opens, runs, closes.
    ///
    /// - Returns: why the spool refuses records although the fault is over.
    private func live(_ workload: inout Workload, _ fault: Fault?) async -> SpoolError? {
        let spool: Spool
        do throws(SpoolError) {
            spool = try workload.openSpool(durability, isLarge: isLarge)
        } catch {
            workload.note(error, of: "open")
            return nil
        }
        if isLarge {
            workload.openElsewhere()
            await fill(spool, &workload, fault)
        } else {
            var run = StandardRun(seed: runSeed)
            await run.perform(with: &workload, on: spool, stopsAtFailure: false)
        }
        var refusal: SpoolError?
        if fault?.isForGood == false, !workload.disk.isOff, !workload.lastAppendSucceeded {
            refusal = await retry(&workload, spool)
        }
        await workload.close(spool)
        return refusal
    }

    /// Records come, and none goes.
    private func fill(_ spool: Spool, _ workload: inout Workload, _ fault: Fault? = nil) async {
        for number in 1...Self.appendsOfLarge {
            if let fault, number == fault.call {
                workload.disk.failNextSync(of: Workload.fileName, operationsToCut: fault.operationsToCut)
            }
            _ = await workload.appendTogether(20, to: spool)
        }
    }

    static let appendsOfLarge = 60

    /// A full disk is looked at again after a while.
    private func retry(_ workload: inout Workload, _ spool: Spool) async -> SpoolError? {
        for _ in 0..<40 {
            if await workload.appendTogether(1, to: spool) == .done { return nil }
            try? await Task.sleep(for: .milliseconds(50))
        }
        return workload.disk.isOff ? nil : workload.errors.last?.error
    }

    /// The next life, on a disk that is well.
    private func comeBack(_ workload: inout Workload, _ fault: Fault, _ findings: inout Findings) async throws {
        do {
            let spool = try workload.openSpool(durability, isLarge: isLarge)
            if let loss = spool.loss {
                findings.wrong.append("the spool thinks that it lost \(loss.lost): \(loss.reason)")
            }
            let inspection = try workload.inspect()
            findings.wrong += inspection.faults
            let refused = workload.account.refused.count { number in
                inspection.records.contains(number) || inspection.deadLetters.contains(number)
                    || workload.destination.has(number)
            }
            if fault.isForGood {
                findings.storedOnBrokenDisk += refused
            } else {
                findings.storedThoughRefused += refused
            }
            findings.lost += missing(workload, inspection)
            if await workload.appendTogether(7, to: spool) == .failed, let (_, error) = workload.errors.last {
                findings.wrong.append("append throws on a disk that is well again: \(error)")
            }
            if isLarge { await fill(spool, &workload) } else { _ = await workload.drain(spool) }
            // These stay in the spool, to be there after the power cut.
            _ = await workload.appendTogether(7, to: spool)
            await workload.close(spool)
        } catch {
            findings.wrong.append("the spool cannot be opened on a disk that is well again: \(error)")
        }
    }

    private func checkAfterPowerCut(
        _ workload: inout Workload,
        _ survival: Survival,
        _ findings: inout Findings
    ) async throws {
        do {
            let spool = try workload.openSpool(durability, isLarge: isLarge)
            if let loss = spool.loss, durability == .powerLoss || loss.quarantinedFile != nil {
                findings.wrong.append("after a power cut (\(survival)) the spool thinks it lost: \(loss)")
            }
            let inspection = try workload.inspect()
            findings.wrong += inspection.faults.map { "after a power cut (\(survival)): \($0)" }
            let destination = workload.destination
            let (lost, areNewest) = workload.account.writeOff { number in
                inspection.records.contains(number) || inspection.deadLetters.contains(number)
                    || destination.has(number)
            }
            if durability == .powerLoss {
                findings.lost += lost
            } else if !areNewest {
                findings.wrong.append("\(lost) records were lost in a power cut (\(survival)), and not the newest")
            }
            _ = await workload.appendTogether(7, to: spool)
            if !isLarge { _ = await workload.drain(spool) }
            await workload.close(spool)
        } catch {
            findings.wrong.append("the spool cannot be opened after a power cut (\(survival)): \(error)")
        }
    }

    private func missing(_ workload: Workload, _ inspection: SpoolInspection) -> Int {
        workload.account.acknowledged.keys.count { number in
            !inspection.records.contains(number) && !inspection.deadLetters.contains(number)
                && !workload.destination.has(number)
        }
    }
}
