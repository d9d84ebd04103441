internal import ClickHouseWriter
internal import Synchronization

/// The writes of a process whose disk is full, each of them reported.
final class DiskFullWriting: Sendable {
    private let writer: BatchWriter<NumberedRecord>
    private let order: DiskFullOrder
    /// The next write of each task.
    private let numbers: Mutex<[Int]>

    init(_ writer: BatchWriter<NumberedRecord>, _ order: DiskFullOrder) {
        self.writer = writer
        self.order = order
        numbers = Mutex(
            (0..<NumberedWrites.tasks).map { NumberedWrites.firstNumber(ofTask: $0, from: order.first) }
        )
    }

    var status: WriterStatus { writer.status }
    var undelivered: Int { status.pending + status.inFlight }

    /// Many tasks write until each is refused.
    func writeUntilRefused() async {
        await inEachTask { task in while await self.write(task) {} }
    }

    /// Each task tries once.
    func writeALittle() async {
        await inEachTask { task in _ = await self.write(task) }
    }

    /// There is room again: the writer must find out by itself, and soon, and refuse nothing more.
    func writeAgain() async {
        let start = ContinuousClock.now
        while await !write(0) {
            if start.duration(to: .now) > .seconds(15) {
                return DiskFullReport.wrong("there is room again, and writes are refused").send()
            }
            try? await Task.sleep(for: .milliseconds(20))
        }
        DiskFullReport.resumed.send()
        await inEachTask { task in
            for _ in 0..<3 where await !self.write(task) { DiskFullReport.wrong("refused with room again").send() }
        }
    }

    private func inEachTask(_ body: @escaping @Sendable (Int) async -> Void) async {
        await withDiscardingTaskGroup { group in
            for task in 0..<NumberedWrites.tasks { group.addTask { await body(task) } }
        }
    }

    /// - Returns: whether it was stored.
    private func write(_ task: Int) async -> Bool {
        let number = numbers.withLock { numbers in
            defer { numbers[task] += NumberedWrites.stride }
            return numbers[task]
        }
        let records = DiskFullOrder.numbers.records(ofWrite: number)
        do throws(WriterError) {
            if records.count == 1 {
                try await writer.write(records[0])
            } else {
                try await writer.write(contentsOf: records)
            }
            DiskFullReport.acknowledged(number).send()
            return true
        } catch {
            DiskFullReport.refused(number).send()
            check(error)
            return false
        }
    }

    private func check(_ error: WriterError) {
        // What a limit on the size of files looks like.
        if error.code == .spoolFailed, order.disk.kind == .fileSizeLimit { return }
        // How much there is, and how much there may be.
        let sizes = error.message.split { !$0.isNumber }.compactMap { Int($0) }
        if error.code != .spoolFull || sizes.count < 2 || !error.message.contains(" bytes") {
            DiskFullReport.wrong("refused with \(error)").send()
        }
    }
}
