internal import ArgumentParser
internal import ClickHouseWriter
internal import SQLiteSpool
internal import SystemPackage

/// The process that `kill` kills: writes from many tasks and prints the first number of every write that returned.
struct KillChild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "kill-child", shouldDisplay: false)

    @Argument var order: String

    func run() async throws {
        let order = try KillOrder(text: order)
        if order.point.isInAFile { DeadlyVFS.install() }
        if order.point == .migration { order.armVFS([.database, .log, .other]) }
        if order.point.isInOpening { return try await openDamaged(order) }
        let occurrences = Countdown(from: order.occurrence)
        let writer = try BatchWriter<NumberedRecord>(
            configuration: order.configuration,
            logger: StandInTable.logger,
            onSpoolEvent: { event in
                guard case .committed(let commit) = event, order.point.isReached(by: commit) else { return }
                if occurrences.next() == 0 { die() }
            }
        )
        switch order.point {
        case .commit: order.armVFS([.log])
        // Only a checkpoint writes to the database itself.
        case .checkpoint: order.armVFS([.database])
        default: break
        }
        try await write(to: writer, order)
        await writer.close()
    }

    private func openDamaged(_ order: KillOrder) async throws {
        var configuration = SpoolConfiguration(path: order.spool, durability: .powerLoss)
        if order.point == .repair {
            configuration.fileSystem = DeadlyFileSystem(diesAt: order.occurrence, quarters: order.quartersWritten)
        } else {
            // What is written to a database while none is moved there is written to a new one.
            order.armVFS([.database])
        }
        await (try Spool(configuration)).close()
    }

    private func write(to writer: BatchWriter<NumberedRecord>, _ order: KillOrder) async throws {
        let left = Countdown(from: order.acknowledgementsBeforeClose ?? .max)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<NumberedWrites.tasks {
                group.addTask {
                    var number = NumberedWrites.firstNumber(ofTask: task, from: order.first)
                    var writes = 0
                    while left.next() >= 0 {
                        let records = KillRound.numbers.records(ofWrite: number)
                        if records.count == 1 {
                            try await writer.write(records[0])
                        } else {
                            try await writer.write(contentsOf: records)
                        }
                        // One write(2), so that dying cuts no line.
                        try FileDescriptor.standardOutput.writeAll("\(number)\n".utf8)
                        number += NumberedWrites.stride
                        writes += 1
                        if let rest = order.writesBeforeRest, writes % rest == 0 {
                            try await Task.sleep(for: KillOrder.rest)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

extension KillOrder {
    fileprivate func armVFS(_ files: Set<DeadlyVFS.File>) {
        DeadlyVFS.arm(DeadlyVFS.Plan(files: files, write: occurrence, quarters: quartersWritten))
    }
}

extension KillPoint {
    fileprivate var isInAFile: Bool { [.commit, .checkpoint, .migration, .salvage].contains(self) }

    fileprivate func isReached(by commit: SpoolCommit) -> Bool {
        switch self {
        case .append: commit.records > 0
        case .freeze: commit.after.frozenThrough > commit.before.frozenThrough
        case .acknowledge: commit.after.undelivered < commit.before.undelivered + commit.records
        case .random, .send, .reply, .commit, .checkpoint, .migration, .repair, .salvage: false
        }
    }
}
