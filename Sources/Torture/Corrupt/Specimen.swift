internal import Foundation
internal import SQLiteSpool
internal import Synchronization

/// The files that a killed owner left, and what it had acknowledged.
struct Specimen: Sendable {
    /// By what is appended to the spool's path.
    let files: [String: [UInt8]]
    /// What was written, by its number.
    let written: [Int: [UInt8]]
    /// What ClickHouse had accepted: bodies by their tokens.
    let accepted: [String: [UInt8]]
    /// Numbers that became dead letters.
    let deadLetters: Set<Int>

    var acknowledged: Int { written.count }

    /// What came of one damage.
    struct Outcome: Sendable, CustomStringConvertible {
        var salvages = 0
        /// Starts after the first one.
        var restarts = 0
        /// The file was left alone, because it may be somebody else's or a newer program's.
        var isRefused = false
        /// Records that were not delivered and are no dead letters.
        var missing = 0
        var reportedLost = 0
        var setAside = 0
        var duplicated = 0
        /// What was delivered and is not what was written, in words.
        var alterations: [String] = []
        var altered: Int { alterations.count }
        /// Whether the spool passes SQLite's own check afterwards.
        var isSound = true
        var error: String?

        /// Lost without a word.
        var unreported: Int { isRefused ? 0 : max(0, missing - reportedLost) }
        var isClean: Bool { unreported == 0 && duplicated == 0 && altered == 0 && isSound }

        var description: String {
            """
            missing \(missing), reported \(reportedLost), duplicated \(duplicated), altered \(altered) \(alterations), \
            salvages \(salvages), restarts \(restarts), sound \(isSound)\(error.map { ", " + $0 } ?? "")
            """
        }
    }

    // MARK: Making

    /// The files are in memory, where no spool promises to survive a power cut; here they stand for those on a disk.
    private static let disk = SystemFileSystem(on: Mount(type: "ext4"))

    static func make(in directory: String, using generator: inout SeededGenerator) async throws -> Specimen {
        let path = directory + "/s"
        var configuration = SpoolConfiguration(path: path, durability: .powerLoss, fileSystem: disk)
        configuration.checkpoints.quietPeriodMilliseconds = 3_600_000
        let checkpointPages = Int.random(in: 30...400, using: &generator)
        configuration.checkpoints.bytesAtMost = checkpointPages * SpoolUsage.defaultPageBytes
        configuration.checkpoints.bytesWhenIdle = checkpointPages * SpoolUsage.defaultPageBytes
        configuration.vacuum.bytesKept = 20 * SpoolUsage.defaultPageBytes
        let spool = try Spool(configuration)
        var written: [Int: [UInt8]] = [:]
        var accepted: [String: [UInt8]] = [:]
        var deadLetters: Set<Int> = []
        for round in 0..<Int.random(in: 10...40, using: &generator) {
            let numbers = written.count..<written.count + Int.random(in: 1...30, using: &generator)
            let rows = numbers.map { Self.row($0, using: &generator) }
            try await spool.append(contentsOf: rows)
            for (number, row) in zip(numbers, rows) { written[number] = row }
            guard round % 3 > 0, let frozen = try await spool.freeze(maxRecords: 20, maxBytes: 1 << 20) else {
                continue
            }
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: try await spool.recordFailure(of: frozen.batch, error: "away")
            case 1:
                try await spool.deadLetter(frozen.batch, code: 27, message: "refused")
                deadLetters.formUnion(Self.lines(frozen.body).compactMap(Self.number))
            default:
                accepted[frozen.batch.token] = frozen.body
                if Bool.random(using: &generator) || round % 2 == 0 { try await spool.acknowledge(frozen.batch) }
            }
        }
        // As a kill leaves them: nothing is closed.
        var files: [String: [UInt8]] = [:]
        for suffix in ["", "-wal", ".lock"] {
            files[suffix] = try [UInt8](Data(contentsOf: URL(filePath: path + suffix)))
        }
        await spool.close()
        return Specimen(files: files, written: written, accepted: accepted, deadLetters: deadLetters)
    }

    private static func row(_ number: Int, using generator: inout SeededGenerator) -> [UInt8] {
        let length = Int.random(in: 0..<20, using: &generator) == 0 ? 9_000 : 600
        let letters = (0..<Int.random(in: 1...length, using: &generator)).map { _ in
            UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "z"), using: &generator)
        }
        return Array("{\"n\":\(number),\"x\":\"".utf8) + letters + Array("\"}".utf8)
    }

    private static func lines(_ body: [UInt8]) -> [[UInt8]] {
        body.split(separator: UInt8(ascii: "\n")).map(Array.init)
    }

    private static func number(_ line: [UInt8]) -> Int? {
        guard line.starts(with: Array("{\"n\":".utf8)) else { return nil }
        return Int(String(decoding: line.dropFirst(5).prefix { (48...57).contains($0) }, as: UTF8.self))
    }

    // MARK: Surviving

    /// Damages a copy of the files, opens it, and delivers all of it.
    ///
    /// - Parameter running: damages it only once it is open.
    func survive(_ mutation: Mutation, in directory: String, running: Bool) async throws -> Outcome {
        let path = directory + "/s"
        for (suffix, bytes) in files {
            let damaged = suffix == mutation.file && !running ? mutation.apply(to: bytes) : bytes
            try Data(damaged).write(to: URL(filePath: path + suffix))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path + suffix)
        }
        var outcome = Outcome()
        var accepted = accepted
        // Damage that is found late needs another start, as a supervisor would make it.
        for start in 0..<3 {
            outcome.restarts = start
            do {
                var configuration = SpoolConfiguration(path: path, durability: .powerLoss, fileSystem: Self.disk)
                configuration.reopenMilliseconds = running ? 5 : configuration.reopenMilliseconds
                let losses = Mutex<[SpoolLoss]>([])
                let spool = try Spool(configuration) { event in
                    if case .salvaged(_, let loss) = event { losses.withLock { $0.append(loss) } }
                }
                if let loss = spool.loss { outcome.add(loss) }
                let end = ContinuousClock.now + (running ? .seconds(5) : .zero)
                var (isDelivered, isChanged) = (false, false)
                if running, start == 0 { try damage(path, mutation) }
                repeat {
                    do {
                        try await deliver(spool, to: &accepted, &outcome)
                        // What is not delivered is looked at too.
                        try await spool.verify()
                        isDelivered = true
                    } catch {
                        outcome.error = "\(error)"
                        // Damaged records are set aside, and what is left is asked for again.
                        isChanged = (error as? SpoolError)?.code == .changed
                        // The owner goes on by itself.
                        if running { try await Task.sleep(for: .milliseconds(10)) }
                    }
                } while !isDelivered && (isChanged || ContinuousClock.now < end)
                await spool.close()
                for loss in losses.withLock({ $0 }) { outcome.add(loss) }
                // Damage that nothing needed while running is found by the next start.
                if isDelivered, start > 0 || !running { break }
            } catch let error as SpoolError {
                outcome.error = "\(error)"
                outcome.isRefused = error.code == .refused
                if outcome.isRefused { return outcome }
            }
        }
        try compare(path, accepted, &outcome)
        return outcome
    }

    /// Writes into the open file. Closing it again would drop SQLite's locks, which nothing here relies on.
    private func damage(_ path: String, _ mutation: Mutation) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path + mutation.file))
        let bytes = try [UInt8](file.readToEnd() ?? Data())
        let damaged = mutation.apply(to: bytes)
        if damaged.count < bytes.count { try file.truncate(atOffset: UInt64(damaged.count)) }
        try file.seek(toOffset: 0)
        try file.write(contentsOf: damaged)
        try file.close()
    }

    private func deliver(
        _ spool: Spool,
        to accepted: inout [String: [UInt8]],
        _ outcome: inout Outcome
    ) async throws {
        for batch in spool.batches {
            let body = try await spool.body(of: batch)
            // A batch that may have been sent is asked for, as the delivery does.
            let stored = Set(accepted.values.flatMap(Self.lines))
            let missing =
                accepted[batch.token] == nil ? Self.lines(body).filter { !stored.contains($0) } : Self.lines(body)
            accept(
                Array(missing.joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")],
                batch.token,
                &accepted,
                &outcome
            )
            try await spool.acknowledge(batch)
        }
        while let frozen = try await spool.freeze(maxRecords: 50, maxBytes: 1 << 20) {
            accept(frozen.body, frozen.batch.token, &accepted, &outcome)
            try await spool.acknowledge(frozen.batch)
        }
    }

    /// As ClickHouse does: a token that is known is not stored again.
    private func accept(
        _ body: [UInt8],
        _ token: String,
        _ accepted: inout [String: [UInt8]],
        _ outcome: inout Outcome
    ) {
        if let known = accepted[token] {
            guard known != body else { return }
            // What is left of a batch has its token: if that is known, all of the batch is stored.
            if Self.lines(body).allSatisfy(Set(Self.lines(known)).contains) { return }
            let (before, now) = (Self.lines(known), Self.lines(body))
            outcome.alterations.append(
                """
                \(token) had \(before.compactMap(Self.number)) and came with \(now.compactMap(Self.number)), \
                \(now.count { !before.contains($0) }) of them new, after \(outcome.salvages) salvages
                """
            )
        } else {
            accepted[token] = body
        }
    }

    private func compare(_ path: String, _ accepted: [String: [UInt8]], _ outcome: inout Outcome) throws {
        var times: [Int: Int] = [:]
        for line in accepted.values.flatMap(Self.lines) {
            if let number = Self.number(line), written[number] == line {
                times[number, default: 0] += 1
            } else {
                outcome.alterations.append("a line of \(line.count) bytes, numbered \(Self.number(line) ?? -1)")
            }
        }
        outcome.duplicated += times.values.reduce(0) { $0 + $1 - 1 }
        let database = try Database(path: absolutePath(ofFile: path), access: .readOnly)
        outcome.isSound = try outcome.isSound && database.text("PRAGMA integrity_check") == "ok"
        // The payload says which record a dead letter is; where that is damaged, the id does: numbers began at 0, ids at 1.
        var setAside: Set<Int> = []
        let rows = try database.prepare("SELECT id, CAST(payload AS BLOB) FROM dead_letters")
        while try rows.step(), let id = rows.integer(0) {
            var payload: [UInt8] = []
            rows.append(1, to: &payload)
            let number = Self.number(payload).flatMap { written[$0] == payload ? $0 : nil }
            setAside.insert(number ?? Int(id) - 1)
        }
        outcome.missing = written.keys.count { times[$0] == nil && !setAside.contains($0) }
    }
}

extension Specimen.Outcome {
    fileprivate mutating func add(_ loss: SpoolLoss) {
        salvages += loss.quarantinedFile == nil ? 0 : 1
        reportedLost += loss.lost
        setAside += loss.setAside
        if let file = loss.quarantinedFile, !FileManager.default.fileExists(atPath: file) { isSound = false }
    }
}
