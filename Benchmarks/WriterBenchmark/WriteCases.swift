import ArgumentParser
import BenchmarkSupport
import ClickHouseWriter
import Foundation
import LLMTraces
import SQLiteSpool

struct WriteCases: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract: """
            How fast `write` is while ClickHouse is away, at several numbers of concurrent tasks, beside what libsqlite3 allows a \
            program in C, and beside what else there is.
            """
    )

    @Option(help: "How long each run takes.")
    var seconds = 3

    @Option(help: "How often each case runs; the table shows medians.")
    var rounds = 5

    @Flag(help: "One short round.")
    var quick = false

    @Option(help: "Where the files are made.")
    var directory = "."

    @Option(help: "Numbers of concurrent tasks, one case each.")
    var tasks = [1, 16, 64, 256, 1_024]

    @Option(help: "powerLoss (synchronous=FULL) or processCrash (NORMAL), one case each.")
    var durability = BatchWriterConfiguration.Durability.allCases

    @Option(help: "Who is measured.")
    private var who = Contender.allCases

    @Option(help: "Where the figures go.")
    var results = "Benchmarks/results.json"

    /// As long as the row of `TraceRecord.sample`, and as the limit's.
    private static let readyRow = [UInt8](repeating: UInt8(ascii: "x"), count: 575)

    private struct Case: Hashable {
        var durability: BatchWriterConfiguration.Durability
        var tasks: Int
        /// Records of one `write`, or of one `write(contentsOf:)`.
        var records = 1

        var name: String {
            let write = records == 1 ? "write" : "write contentsOf \(records)"
            return "\(write) \(durability.synchronous.lowercased()) \(tasks)"
        }
    }

    private enum Contender: String, CaseIterable, ExpressibleByArgument {
        /// A program in C on libsqlite3 alone: `Benchmarks/Limit`.
        case limit
        /// The same with pages as large as the spool's.
        case limitWithOurPages = "limit 8 KiB"
        /// One row a transaction, from this process, without another thread.
        case sqlite
        case ours
        /// What of ours is the spool: it is given rows as ready-made as the limit's.
        case spool
        /// One transaction a record, as a Swift user would write it first.
        case grdb
        /// Queues in Python.
        case persistQueue = "persist-queue"
        case litequeue

        func takesPart(in measured: Case) -> Bool {
            switch self {
            case .ours: true
            case .limit, .limitWithOurPages, .spool: measured.records == 1
            case .sqlite: measured.records == 1 && measured.tasks == 1
            case .grdb: measured.records == 1 && measured.tasks <= 64
            case .persistQueue, .litequeue: Peers.python != nil && measured.records == 1 && measured.tasks <= 16
            }
        }
    }

    mutating func validate() throws {
        if quick { (seconds, rounds) = (1, 1) }
    }

    func run() async throws {
        if Peers.python == nil { print("without persist-queue and litequeue: \(Peers.advice)") }
        var cases = durability.flatMap { durability in tasks.map { Case(durability: durability, tasks: $0) } }
        cases += durability.map { Case(durability: $0, tasks: 16, records: 100) }
        var runs: [Case: [Contender: [Figures]]] = [:]
        var syncs: [Figures] = []
        for round in 1...rounds {
            FileHandle.standardError.write(Data("write: round \(round) of \(rounds)\n".utf8))
            syncs.append(try measureSync())
            for measured in cases {
                // In any order, so that what drifts meanwhile speaks for none.
                for contender in who.shuffled() where contender.takesPart(in: measured) {
                    runs[measured, default: [:]][contender, default: []].append(try await measure(contender, measured))
                }
            }
        }
        var results = try Results(path: results)
        print(
            "case                          who                rows/s    p50 µs    p99 µs  p99.9 µs   CPU ns  of the limit"
        )
        let sync = Figures.median(syncs)
        results.set("fdatasync 4 KiB", "limit", sync)
        report("fdatasync 4 KiB", "limit", sync, limit: nil)
        for measured in cases {
            let medians = (runs[measured] ?? [:]).mapValues(Figures.median)
            for contender in Contender.allCases {
                guard let figures = medians[contender] else { continue }
                results.set(measured.name, contender.rawValue, figures)
                report(measured.name, contender.rawValue, figures, limit: medians[.limit])
            }
        }
        try results.write()
    }

    /// The ratios are those of rows/s and, where both have it, of p50.
    private func report(_ name: String, _ who: String, _ figures: Figures, limit: Figures?) {
        let numbers = String(
            format: "%10.0f %9.0f %9.0f %9.0f %8.0f",
            figures.rowsPerSecond,
            figures.p50 ?? .nan,
            figures.p99 ?? .nan,
            figures.p999 ?? .nan,
            figures.processorTime ?? .nan
        )
        let ratios = limit.flatMap { limit in
            figures.p50.flatMap { p50 in limit.p50.map { (figures.rowsPerSecond / limit.rowsPerSecond, p50 / $0) } }
        }
        print(
            name.padding(toLength: 30, withPad: " ", startingAt: 0)
                + who.padding(toLength: 14, withPad: " ", startingAt: 0) + numbers
                + (ratios.map { String(format: "%8.2f %6.2f", $0, $1) } ?? "")
        )
    }

    /// What the disk allows: the same 4 KiB written over and synced again and again.
    private func measureSync() throws -> Figures {
        let path = directory + "/benchmark-\(UUID().uuidString)"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Unmeasurable("\(path) cannot be made: \(String(cString: strerror(errno)))") }
        defer {
            close(file)
            unlink(path)
        }
        let page = [UInt8](repeating: 120, count: 4_096)
        var latencies: [Duration] = []
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        var before = start
        while before < end {
            guard pwrite(file, page, page.count, 0) == page.count, fdatasync(file) == 0 else {
                throw Unmeasurable("\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            let after = ContinuousClock.now
            latencies.append(before.duration(to: after))
            before = after
        }
        return Figures(latencies: latencies, rows: latencies.count, in: start.duration(to: .now))
    }

    private func measure(_ contender: Contender, _ measured: Case) async throws -> Figures {
        switch contender {
        case .limit: try await measureProgram("writer-limit", ["4096"], measured)
        case .limitWithOurPages:
            try await measureProgram("writer-limit", ["\(SpoolUsage.defaultPageBytes)"], measured)
        case .grdb: try await measureProgram("writer-grdb", [], measured)
        case .persistQueue, .litequeue:
            try await measureProgram(Peers.python ?? "python3", [Peers.queues, contender.rawValue], measured)
        case .sqlite: try measureTransactions(measured.durability)
        case .ours: try await measureWrites(measured)
        case .spool: try await measureAppends(measured)
        }
    }

    /// They all take the same arguments and print the same figures.
    private func measureProgram(_ name: String, _ arguments: [String], _ measured: Case) async throws -> Figures {
        let output = try await Tools.run(
            name.contains("/") ? name : Tools.built(name),
            arguments + [directory, measured.durability.synchronous, "\(measured.tasks)", "\(seconds)"]
        )
        let numbers = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard numbers.count == 5 else { throw Unmeasurable("\(name) says something else: \(output)") }
        return Figures(
            rowsPerSecond: numbers[0],
            p50: numbers[1],
            p99: numbers[2],
            p999: numbers[3],
            processorTime: numbers[4]
        )
    }

    /// `write` through the public interface, ClickHouse refusing connections.
    private func measureWrites(_ measured: Case) async throws -> Figures {
        let path = temporarySpool(in: directory)
        defer { removeSpool(path) }
        var configuration = BatchWriterConfiguration(spoolPath: path, urls: ["http://127.0.0.1:1"], table: "t")
        configuration.durability = measured.durability
        configuration.shutdownTimeout = .zero
        configuration.maxSpoolBytes = 16 << 30
        let writer = try BatchWriter<TraceRecord>(configuration: configuration, logger: .silent)
        let many = [TraceRecord](repeating: .sample, count: measured.records)
        let figures = try await ClosedLoop(tasks: measured.tasks, seconds: seconds).run {
            $0 * measured.records
        } _: {
            if many.count == 1 { try await writer.write(.sample) } else { try await writer.write(contentsOf: many) }
        }
        await writer.close()
        return figures
    }

    /// `append` of the spool, without an encoder, a flusher and metrics.
    private func measureAppends(_ measured: Case) async throws -> Figures {
        let path = temporarySpool(in: directory)
        defer { removeSpool(path) }
        var configuration = SpoolConfiguration(path: path)
        configuration.durability = measured.durability == .powerLoss ? .powerLoss : .processCrash
        configuration.limits.maxBytes = 16 << 30
        let spool = try Spool(configuration)
        let row = Self.readyRow
        let figures = try await ClosedLoop(tasks: measured.tasks, seconds: seconds).run(rows: { $0 }) {
            try await spool.append(row)
        }
        await spool.close()
        return figures
    }

    /// One row a transaction on a bare table: what the disk and SQLite allow a single writer.
    private func measureTransactions(_ durability: BatchWriterConfiguration.Durability) throws -> Figures {
        let path = temporarySpool(in: directory)
        defer { removeSpool(path) }
        let database = try Database(path: absolutePath(ofFile: path), access: .create)
        try database.execute(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = \(durability.synchronous);
            CREATE TABLE records (id INTEGER PRIMARY KEY, enqueued_at INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
            """
        )
        let insert = try database.prepare("INSERT INTO records VALUES (?1, ?2, ?4)")
        var id: Int64 = 0
        var pagesBefore = 0
        let processorBefore = processorTime()
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        var latencies: [Duration] = []
        var before = start
        while before < end {
            id += 1
            try insert.run((id, 0, 0), text: Self.readyRow)
            // Checkpoints as SQLite itself would, which our connections do not.
            if database.walPages >= 1_000, database.walPages != pagesBefore { _ = try database.checkpoint() }
            pagesBefore = database.walPages
            let after = ContinuousClock.now
            latencies.append(before.duration(to: after))
            before = after
        }
        return Figures(
            latencies: latencies,
            rows: latencies.count,
            in: start.duration(to: .now),
            processorTime: processorTime() - processorBefore
        )
    }
}

extension BatchWriterConfiguration.Durability: ExpressibleByArgument {
    fileprivate var synchronous: String { self == .powerLoss ? "FULL" : "NORMAL" }
}
