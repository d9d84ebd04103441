internal import FaultyDisk
internal import SQLiteSpool

extension Workload {
    /// Some records, one call each.
    mutating func appendSingly(_ count: Int, to spool: Spool) async -> Outcome {
        for _ in 0..<count where await appendTogether(1, to: spool) == .failed { return .failed }
        return .done
    }

    /// Some records in one call.
    mutating func appendTogether(_ count: Int, to spool: Spool) async -> Outcome {
        let numbers = account.takeNumbers(count)
        let isUnverified = disk.hasSyncFailedUnopened
        let isDone = await call("append") { () throws(SpoolError) in try await spool.append(numbers) } != nil
        account.beginCommit()
        settle(numbers, isAcknowledged: isDone, isUnverified)
        return isDone ? .done : .failed
    }

    /// Appends that meet in one transaction, together with the acknowledgement of a batch: the commit thread is held
    /// after a first one until the others wait.
    mutating func burst(on spool: Spool) async -> Outcome {
        let first = account.takeNumbers(1)
        let others = (0..<3).map { account.takeNumbers($0 + 1) }
        let delivered = spool.batches.first { destination.has(token: $0.token) }
        let isUnverified = disk.hasSyncFailedUnopened
        watchdog.begin("a burst of appends")
        let errors = await withTaskGroup(of: (Range<Int>, SpoolError?).self) { [gate] group in
            gate.close()
            group.addTask { (first, await spool.errorOfAppending(first)) }
            for _ in 0..<20 where !gate.isThreadWaiting { try? await Task.sleep(for: .microseconds(50)) }
            for numbers in others { group.addTask { (numbers, await spool.errorOfAppending(numbers)) } }
            if let delivered { group.addTask { (0..<0, await spool.errorOfAcknowledging(delivered)) } }
            try? await Task.sleep(for: .microseconds(300))
            gate.open()
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        watchdog.end()
        for error in errors.values { note(error, of: "burst") }
        account.beginCommit()
        settle(first, isAcknowledged: errors[first] == nil, isUnverified)
        account.beginCommit()
        for numbers in others { settle(numbers, isAcknowledged: errors[numbers] == nil, isUnverified) }
        return errors.isEmpty ? .done : .failed
    }

    private mutating func settle(_ numbers: Range<Int>, isAcknowledged: Bool, _ isUnverified: Bool) {
        lastAppendSucceeded = isAcknowledged
        guard isAcknowledged else { return account.refuse(numbers) }
        account.acknowledge(numbers)
        if isUnverified, disk.hasSyncFailedUnopened { acknowledgedUnverified += numbers.count }
    }
}

extension Spool {
    fileprivate func append(_ numbers: Range<Int>) async throws(SpoolError) {
        if numbers.count == 1 {
            try await append(NumberedPayload.payload(numbers.lowerBound))
        } else {
            try await append(contentsOf: numbers.map(NumberedPayload.payload))
        }
    }

    fileprivate func errorOfAppending(_ numbers: Range<Int>) async -> SpoolError? {
        do throws(SpoolError) {
            try await append(numbers)
            return nil
        } catch {
            return error
        }
    }

    fileprivate func errorOfAcknowledging(_ batch: Batch) async -> SpoolError? {
        do throws(SpoolError) {
            try await acknowledge(batch)
            return nil
        } catch {
            return error
        }
    }
}
