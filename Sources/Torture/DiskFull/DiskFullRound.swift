internal import ClickHouseStandIn
internal import Foundation
internal import Subprocess
internal import SystemPackage

/// One cycle: a writer whose disk gets full, and a stand-in that is down until it is.
final class DiskFullRound {
    private let disk: SmallDisk
    private let spool: String
    private let store: String
    private let standIn: StandInServer
    private(set) var ledger: WriteLedger

    /// - Parameter first: no record has this number yet, nor a greater one.
    init(in directory: String, _ disk: SmallDisk, first: Int) async throws {
        self.disk = disk
        spool = disk.directory + "/full.spool"
        store = directory + "/stand-in-\(first)"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: false)
        standIn = try await StandInServer.start(store: StandInStore(path: store + "/stand-in.sqlite"))
        ledger = WriteLedger(DiskFullOrder.numbers, first: first)
    }

    func run(_ verdict: inout Verdict, using generator: inout SeededGenerator) async throws {
        var hasDied = true
        var isEatenUp = false
        while hasDied {
            standIn.faults.setStanding(Self.outages.randomElement(using: &generator))
            let order = DiskFullOrder(
                disk,
                spool: spool,
                url: standIn.url,
                first: ledger.next,
                startsFull: isEatenUp,
                using: &generator
            )
            hasDied = try await runChild(order, &verdict)
            if hasDied { verdict.details["died", default: 0] += 1 }
            if isEatenUp { verdict.details["started_full", default: 0] += 1 }
            isEatenUp = hasDied && order.eater == .beforeDraining
        }
        standIn.faults.setStanding(nil)
        try DiskSpace(disk).clear()
        try await drain(spool: spool, url: standIn.url)
        let rows = try await standIn.store.rows(database: StandInTable.database, table: StandInTable.table)
        await standIn.stop()
        await standIn.store.close()
        ledger.check(rows, &verdict)
        if try !isSound(spool: spool) { verdict.corrupt += 1 }
        try FileManager.default.removeItem(atPath: store)
    }

    /// - Returns: whether it died as it was told to.
    private func runChild(_ order: DiskFullOrder, _ verdict: inout Verdict) async throws -> Bool {
        let result = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: ["disk-full-child", try order.text],
            input: .none,
            output: .sequence,
            error: .string(limit: 64 << 10)
        ) { [standIn] process in
            var acknowledged: [Int] = []
            var refused: [Int] = []
            var resumed = 0
            var wrongs: [String] = []
            for try await line in process.standardOutput.strings() {
                switch DiskFullReport(line: line) {
                case .acknowledged(let write): acknowledged.append(write)
                case .refused(let write): refused.append(write)
                case .full: standIn.faults.setStanding(nil)
                case .resumed: resumed += 1
                case .wrong(let text): wrongs.append(text)
                case nil: break
                }
            }
            return (acknowledged, refused, resumed, wrongs)
        }
        let (acknowledged, refused, resumed, wrongs) = result.closureResult
        ledger.add(acknowledged: acknowledged, refused: refused)
        verdict.details["refused", default: 0] += refused.count
        verdict.details["resumed", default: 0] += resumed
        if !wrongs.isEmpty {
            verdict.corrupt += 1
            report("\(wrongs.count) times wrong with \(try order.text): \(wrongs[0])")
        }
        switch result.terminationStatus {
        case .exited(0): return false
        case .signaled(9) where order.diesWhenFull: return true
        default:
            verdict.corrupt += 1
            report("a child ended with \(result.terminationStatus): \(try order.text) \(result.standardError)")
            return false
        }
    }

    private static let outages: [Fault] = [
        .error(status: 503, code: nil, message: "no backend"),
        .error(status: 500, code: 241, message: "Memory limit exceeded"),
        .error(status: 404, code: 60, message: "Table ibex.torture does not exist"),
        .dropBeforeProcessing,
        .dropAfterProcessing,
    ]
}
