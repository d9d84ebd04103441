internal import SQLiteSpool

extension Workload {
    /// The records of one batch at most.
    private static let batchRecords = 6

    /// Sends the oldest batch, or a new one, and it is accepted.
    mutating func deliver(from spool: Spool) async -> Outcome {
        await withBatch(of: spool) { workload, batch, body in
            workload.destination.insert(body, token: batch.token)
            return await workload.call("acknowledge") { () throws(SpoolError) in try await spool.acknowledge(batch) }
        }
    }

    /// Sends a batch, and no answer comes.
    ///
    /// - Parameter isStored: whether the destination has it nevertheless.
    mutating func failToDeliver(from spool: Spool, isStored: Bool) async -> Outcome {
        await withBatch(of: spool) { workload, batch, body in
            if isStored { workload.destination.insert(body, token: batch.token) }
            return await workload.call("recordFailure") { () throws(SpoolError) in
                try await spool.recordFailure(of: batch, error: "the connection broke off")
            }
        }
    }

    /// Sends a batch that is refused, and cuts it in two or three.
    mutating func split(from spool: Spool, pieces: Int) async -> Outcome {
        await withBatch(of: spool) { workload, batch, _ in
            // What was stored is not refused.
            guard !workload.destination.has(token: batch.token) else { return () }
            return await workload.call("replace") { () throws(SpoolError) in
                let members = try await spool.members(of: batch)
                let size = (members.count + pieces - 1) / pieces
                let parts = stride(from: 0, to: members.count, by: size)
                    .map { Array(members[$0..<min($0 + size, members.count)]) }
                _ = try await spool.replace(batch, members: members, with: parts)
            }
        }
    }

    /// Sends a batch that can never be stored.
    mutating func deadLetter(from spool: Spool) async -> Outcome {
        await withBatch(of: spool) { workload, batch, _ in
            guard !workload.destination.has(token: batch.token) else { return () }
            return await workload.call("deadLetter") { () throws(SpoolError) in
                try await spool.deadLetter(batch, code: 27, message: "cannot parse")
            }
        }
    }

    /// Sends dead letters once more.
    mutating func requeue(in spool: Spool) async -> Outcome {
        let requeued = await call("requeue") { () throws(SpoolError) in try await spool.requeueDeadLetters(.all) }
        return requeued.map { $0.count == 0 ? .nothingToDo : .done } ?? .failed
    }

    /// Freezes one more batch while others are in flight.
    mutating func freeze(from spool: Spool) async -> Outcome {
        guard spool.batches.count < 4 else { return .nothingToDo }
        let frozen = await call("freeze") { () throws(SpoolError) in
            try await spool.freeze(maxRecords: Self.batchRecords, maxBytes: 20_000)
        }
        return frozen == nil ? .failed : frozen.flatMap(\.self) == nil ? .nothingToDo : .done
    }

    mutating func note(_ number: Int, in spool: Spool) async -> Outcome {
        let state: DeliveryReport.State = number.isMultiple(of: 2) ? .fine : .backingOff
        let isDone =
            await call("note") { () throws(SpoolError) in try await spool.report(DeliveryReport(state: state)) } != nil
        return isDone ? .done : .failed
    }

    /// Delivers all there is.
    mutating func drain(_ spool: Spool) async -> Outcome {
        while true {
            let outcome = await deliver(from: spool)
            if outcome != .done { return outcome }
        }
    }

    /// - Parameter body: returns nil when the spool threw.
    private mutating func withBatch(
        of spool: Spool,
        _ body: (inout Workload, Batch, [UInt8]) async -> Void?
    ) async -> Outcome {
        if let batch = spool.batches.first {
            let bytes = await call("body") { () throws(SpoolError) in try await spool.body(of: batch) }
            guard let bytes else { return .failed }
            return await body(&self, batch, bytes) == nil ? .failed : .done
        }
        let frozen = await call("freeze") { () throws(SpoolError) in
            try await spool.freeze(maxRecords: Self.batchRecords, maxBytes: 20_000)
        }
        guard let frozen else { return .failed }
        guard let frozen else { return .nothingToDo }
        return await body(&self, frozen.batch, frozen.body) == nil ? .failed : .done
    }
}
