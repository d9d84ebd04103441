internal import FaultyDisk
internal import SQLiteSpool

/// One run that ends with a power cut, what comes up afterwards, and often a cut or two in that.
struct PowerCutCycle {
    struct Findings {
        var cuts = 0
        var acknowledged = 0
        var lost = 0
        /// Records that `processCrash` may lose.
        var lostNewest = 0
        var duplicated = 0
        /// What may never be, in words.
        var wrong: [String] = []
    }

    /// How many operations a run takes that is not cut.
    struct Length {
        var opening = 0
        var whole = 0
    }

    let start: StartingPoint
    let durability: SpoolConfiguration.Durability
    let watchdog: Watchdog
    /// Draws the standard run, which is the same in every cycle of a start.
    let runSeed: UInt64

    /// Runs uncut, to learn where the power can go.
    func measure(in scratch: inout ScratchDirectory) async throws -> Length {
        var workload = try prepare(in: &scratch, cutAt: nil)
        let spool = try workload.openSpool(durability)
        var length = Length(opening: workload.disk.operations)
        var run = StandardRun(seed: runSeed)
        await run.perform(with: &workload, on: spool, stopsAtFailure: true)
        await workload.close(spool)
        if let (call, error) = workload.errors.first {
            throw SpoolError(.failed, "\(call) without any fault: \(error)")
        }
        length.whole = workload.disk.operations
        // Only a vacuum cuts a file of a spool.
        let tally = workload.tally
        guard tally.checkpoints - tally.slices > 2, tally.slices > 2, workload.disk.calls.contains(.truncate) else {
            throw SpoolError(
                .failed,
                "a run without checkpoints and vacuum: \(tally.checkpoints) checkpoints, \(tally.slices) of them slices"
            )
        }
        return length
    }

    func run(
        cutAt cut: Int,
        using generator: inout SeededGenerator,
        in scratch: inout ScratchDirectory
    ) async throws -> Findings {
        var findings = Findings()
        var workload = try prepare(in: &scratch, cutAt: cut)
        do throws(SpoolError) {
            let spool = try workload.openSpool(durability)
            var run = StandardRun(seed: runSeed)
            await run.perform(with: &workload, on: spool, stopsAtFailure: true)
            await workload.close(spool)
        } catch {
            workload.note(error, of: "open")
        }
        var isCutAgain = true
        while isCutAgain {
            if !workload.disk.isOff, let (call, error) = workload.errors.first {
                findings.wrong.append("\(call) threw with the power on: \(error)")
            }
            workload.disk.cutPower()
            findings.cuts += 1
            isCutAgain = try await recover(&workload, &findings, using: &generator, in: &scratch)
        }
        findings.acknowledged = workload.account.total
        findings.duplicated = workload.destination.duplicated
        if workload.destination.reusedTokens > 0 {
            findings.wrong.append("\(workload.destination.reusedTokens) tokens came with other rows")
        }
        if workload.destination.alteredRecords > 0 {
            findings.wrong.append("\(workload.destination.alteredRecords) records arrived altered")
        }
        return findings
    }

    private func prepare(in scratch: inout ScratchDirectory, cutAt cut: Int?) throws -> Workload {
        let disk = try FaultyDisk(directory: try start.makeDirectory(in: &scratch), cutAt: cut)
        var workload = Workload(on: disk, watchdog: watchdog)
        workload.account = start.account
        return workload
    }

    /// Power comes back: opens what there is, checks it, appends a little and delivers everything.
    ///
    /// - Returns: whether the power went again meanwhile.
    private func recover(
        _ workload: inout Workload,
        _ findings: inout Findings,
        using generator: inout SeededGenerator,
        in scratch: inout ScratchDirectory
    ) async throws -> Bool {
        let directory = try scratch.makeDirectory()
        try workload.disk.materialize(in: directory, using: &generator)
        // Half of all recoveries are cut: most of them while the file is opened, the rest while it is emptied.
        let cut =
            Bool.random(using: &generator)
            ? Int.random(in: 1...[30, 300][Int.random(in: 0...1, using: &generator)], using: &generator) : nil
        workload = workload.moved(to: try FaultyDisk(directory: directory, cutAt: cut))
        do {
            let spool = try workload.openSpool(durability)
            if let loss = spool.loss, !expects(loss) {
                findings.wrong.append("the spool thinks that it lost \(loss.lost): \(loss.reason)")
            }
            try check(&workload, &findings)
            _ = await workload.appendTogether(7, to: spool)
            if await workload.drain(spool) == .nothingToDo { try checkEmpty(workload, &findings) }
            await workload.close(spool)
        } catch {
            if !workload.disk.isOff { findings.wrong.append("what the cut left cannot be opened: \(error)") }
        }
        return workload.disk.isOff
    }

    private func expects(_ loss: SpoolLoss) -> Bool {
        switch start.kind {
        case .nothing, .version: durability == .processCrash && loss.quarantinedFile == nil
        case .damagedDatabase, .damagedWAL: true
        }
    }

    private func check(_ workload: inout Workload, _ findings: inout Findings) throws(SQLiteError) {
        let inspection = try workload.inspect()
        findings.wrong += inspection.faults
        let destination = workload.destination
        let (lost, areNewest) = workload.account.writeOff { number in
            destination.has(number) || inspection.records.contains(number) || inspection.deadLetters.contains(number)
        }
        switch durability {
        case .powerLoss: findings.lost += lost
        case .processCrash:
            findings.lostNewest += lost
            if !areNewest { findings.wrong.append("\(lost) records were lost, and not the newest") }
        }
    }

    private func checkEmpty(_ workload: Workload, _ findings: inout Findings) throws(SQLiteError) {
        let inspection = try workload.inspect()
        findings.wrong += inspection.faults
        if !inspection.records.isEmpty {
            findings.wrong.append("\(inspection.records.count) records are left in an emptied spool")
        }
        let missing = workload.account.acknowledged.keys.count { number in
            !workload.destination.has(number) && !inspection.deadLetters.contains(number)
        }
        // The check before saw them in the spool or the destination.
        findings.lost += missing
    }
}
