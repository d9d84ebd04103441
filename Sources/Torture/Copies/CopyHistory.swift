internal import ClickHouseStandIn
internal import ClickHouseWriter
internal import Foundation
internal import SQLiteSpool
internal import Synchronization

/// What happens to one spool and its copies, drawn from a seed.
struct CopyHistory {
    struct Findings: CustomStringConvertible {
        /// Records that a spool acknowledged, with those that its copies acknowledged once more.
        var acknowledged = 0
        /// Records that a spool's file acknowledged, and that are neither in the table nor dead letters of it.
        var lost = 0
        /// Records that are in the table more than once.
        var duplicated = 0
        /// What may never be, in words.
        var wrong: [String] = []
        /// What was done, for a report.
        var story = ""
        /// How often each act was done.
        var acts: [Act: Int] = [:]

        var isClean: Bool { lost == 0 && duplicated == 0 && wrong.isEmpty }
        var description: String {
            (["\(lost) lost, \(duplicated) duplicated"] + wrong).joined(separator: ", ") + "; " + story
        }
    }

    enum Act: String, CaseIterable {
        case write, deliver, copyAtRest, copyOpen, copyWithoutWAL, restore, restoreInPlace, clone, unlock
        /// While an owner writes.
        case remove, move, replace, hardLink, bindMount, unlockOpen

        /// Files are mounted only where that is allowed.
        static let possible = allCases.filter { $0 != .bindMount || MountedFile.isAllowed }
    }

    /// A spool, and the numbers of the records that its file, or the one that it was copied from, acknowledged.
    struct Branch {
        let path: String
        var acknowledged: Set<Int> = []
    }

    struct Image {
        let directory: String
        let acknowledged: Set<Int>
        /// Whether there was a WAL, and it was not copied.
        var missesWAL = false
    }

    static let fileSuffixes = ["", "-wal", ".lock"]
    private static let noTable = (status: 404, code: 60, message: "Table ibex.torture does not exist")

    let directory: String
    private let server: StandInServer
    var generator: SeededGenerator
    var branches: [Branch]
    private(set) var images: [Image] = []
    private var lastNumber = 0
    /// As long as the history: what is delivered again by a copy makes the same batches then.
    private let batchSize: Int
    var findings = Findings()

    init(in directory: String, server: StandInServer, seed: UInt64) {
        self.directory = directory
        self.server = server
        generator = SeededGenerator(seed: seed)
        batchSize = .random(in: 5...20, using: &generator)
        branches = [Branch(path: directory + "/0.spool")]
    }

    mutating func run() async throws -> Findings {
        try await write(to: 0)
        for _ in 0..<Int.random(in: 6...16, using: &generator) {
            let act = Act.possible.randomElement(using: &generator) ?? .write
            if try await perform(act, on: .random(in: branches.indices, using: &generator)) {
                findings.acts[act, default: 0] += 1
            }
        }
        for index in branches.indices { try await deliver(index) }
        try await check()
        return findings
    }

    /// - Returns: false when there is nothing to do it with.
    private mutating func perform(_ act: Act, on index: Int) async throws -> Bool {
        findings.story += "\(act.rawValue) \(index); "
        switch act {
        case .write: try await write(to: index)
        case .deliver:
            // After some batches there is no table any more, and what was sent last is there or not.
            for _ in 0..<Int.random(in: 0...3, using: &generator) { server.faults.add(.delay(.zero)) }
            let (status, code, message) = Self.noTable
            let fault: [Fault?] = [
                nil, .error(status: status, code: code, message: message),
                .errorAfterProcessing(status: status, code: code, message: message),
            ]
            server.faults.setStanding(fault.randomElement(using: &generator) ?? nil)
            try await deliver(index)
            server.faults.clear()
        case .copyAtRest: try keep(branches[index])
        case .copyOpen: try await write(to: index) { try $0.keep($0.branches[index]) }
        case .copyWithoutWAL: try await write(to: index) { try $0.keep($0.branches[index], withoutWAL: true) }
        case .remove, .move, .replace, .hardLink, .bindMount, .unlockOpen: return try await disturb(act, index)
        case .restore, .restoreInPlace, .clone:
            guard let image = images.randomElement(using: &generator) else { return false }
            if act == .clone {
                guard branches.count < 4 else { return false }
                branches.append(Branch(path: "\(directory)/\(branches.count).spool"))
            }
            let target = act == .clone ? branches.count - 1 : index
            try put(image, at: branches[target].path, inPlace: act == .restoreInPlace)
            branches[target].acknowledged =
                image.missesWAL ? try await openWithoutWAL(branches[target].path, image) : image.acknowledged
        case .unlock: try? FileManager.default.removeItem(atPath: branches[index].path + ".lock")
        }
        return true
    }

    // MARK: The spool

    /// - Parameter meanwhile: between two commits, as a snapshot of a file system would find the files.
    /// - Returns: where the spool is at last.
    @discardableResult
    mutating func write(
        to index: Int,
        meanwhile: (inout CopyHistory) async throws -> Void = { _ in }
    ) async throws -> String {
        let place = Mutex(branches[index].path)
        let spool = try Spool(SpoolConfiguration(path: branches[index].path, durability: .processCrash)) { event in
            if case .rescued(let path, _) = event { place.withLock { $0 = path } }
        }
        for _ in 0..<Int.random(in: 1...3, using: &generator) { try await append(to: spool, index) }
        try await meanwhile(&self)
        try await append(to: spool, index)
        await spool.close()
        return place.withLock { $0 }
    }

    private mutating func append(to spool: Spool, _ index: Int) async throws {
        let isRound = Int.random(in: 0..<3, using: &generator) > 0
        let count = isRound ? batchSize : Int.random(in: 1...30, using: &generator)
        let numbers = lastNumber + 1...lastNumber + count
        lastNumber = numbers.upperBound
        try await spool.append(contentsOf: numbers.map { Array(Self.record($0).row.utf8) })
        branches[index].acknowledged.formUnion(numbers)
        findings.acknowledged += numbers.count
    }

    private mutating func deliver(_ index: Int) async throws {
        var configuration = StandInTable.configuration(spool: branches[index].path, url: server.url)
        configuration.durability = .processCrash
        configuration.maxBatchSize = batchSize
        let writer = try BatchWriter<NumberedRecord>(configuration: configuration, logger: StandInTable.logger)
        _ = await writer.close()
    }

    // MARK: Its files

    mutating func keep(_ branch: Branch, withoutWAL: Bool = false) throws {
        let image = Image(
            directory: "\(directory)/image-\(images.count)",
            acknowledged: branch.acknowledged,
            missesWAL: withoutWAL
        )
        try FileManager.default.createDirectory(atPath: image.directory, withIntermediateDirectories: false)
        let suffixes = withoutWAL ? ["", ".lock"] : Self.fileSuffixes
        for suffix in suffixes where FileManager.default.fileExists(atPath: branch.path + suffix) {
            try FileManager.default.copyItem(atPath: branch.path + suffix, toPath: "\(image.directory)/spool\(suffix)")
        }
        images.append(image)
    }

    /// - Parameter inPlace: writes over the files that are there, as `cp` does, and does not make new ones.
    mutating func put(_ image: Image, at path: String, inPlace: Bool) throws {
        let files = FileManager.default
        // Who restores a database alone leaves a lock that knows more than it does, or removes it.
        let withLock = Int.random(in: 0..<3, using: &generator) > 0
        for suffix in Self.fileSuffixes {
            let kept = "\(image.directory)/spool\(suffix)"
            guard suffix != ".lock" || withLock, files.fileExists(atPath: kept) else {
                try? files.removeItem(atPath: path + suffix)
                continue
            }
            if inPlace, let file = FileHandle(forWritingAtPath: path + suffix) {
                try file.truncate(atOffset: 0)
                try file.write(contentsOf: Data(contentsOf: URL(filePath: kept)))
                try file.close()
            } else {
                try? files.removeItem(atPath: path + suffix)
                try files.copyItem(atPath: kept, toPath: path + suffix)
            }
        }
    }

    // MARK: What came of it

    /// The numbers of the rows in the table.
    func delivered() async throws -> Set<Int> {
        let rows = try await server.store.rows(database: StandInTable.database, table: StandInTable.table)
        return Set(rows.compactMap(NumberedRecord.number))
    }

    private mutating func check() async throws {
        var copies: [Int: Int] = [:]
        for row in try await server.store.rows(database: StandInTable.database, table: StandInTable.table) {
            if let number = NumberedRecord.number(in: row), Self.record(number).row == row {
                copies[number, default: 0] += 1
            } else {
                findings.wrong.append("an altered row: \(row)")
            }
        }
        findings.duplicated = copies.values.reduce(0) { $0 + $1 - 1 }
        for branch in branches {
            let spool = try Database(path: branch.path, access: .readOnly)
            let found = Set(copies.keys).union(try Self.numbers(in: "dead_letters", spool))
            let lost = branch.acknowledged.subtracting(found)
            if !lost.isEmpty { findings.story += "\n\(branch.path): \(lost.count) lost, from \(lost.min() ?? 0)" }
            findings.lost += lost.count
            if try spool.integer("SELECT count(*) FROM records") != 0 { findings.wrong.append("records are left") }
            if try !isSound(spool: branch.path) { findings.wrong.append("\(branch.path) is damaged") }
        }
    }

    static func numbers(in table: String, _ spool: borrowing Database) throws -> Set<Int> {
        let rows = try spool.prepare("SELECT payload FROM \(table)")
        var found: Set<Int> = []
        while try rows.step() {
            if let number = rows.text(0).flatMap(NumberedRecord.number) { found.insert(number) }
        }
        return found
    }

    private static func record(_ number: Int) -> NumberedRecord {
        NumberedRecord(number: number, textBytes: number % 50)
    }
}

extension Verdict {
    mutating func add(_ findings: CopyHistory.Findings) {
        cycles += 1
        acknowledged += findings.acknowledged
        lost += findings.lost
        duplicated += findings.duplicated
        corrupt += findings.wrong.count
        for (act, count) in findings.acts { details[act.rawValue, default: 0] += count }
    }
}
