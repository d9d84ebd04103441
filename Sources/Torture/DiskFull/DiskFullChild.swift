internal import ArgumentParser
internal import ClickHouseWriter

/// The process whose disk is full: writes until it is refused, waits for the destination, and writes again.
struct DiskFullChild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "disk-full-child", shouldDisplay: false)

    @Argument var order: String

    func run() async throws {
        let order = try DiskFullOrder(text: order)
        let space = DiskSpace(order.disk)
        if !order.startsFull { try space.narrow(to: order.roomBytes) }
        let writer = try BatchWriter<NumberedRecord>(
            configuration: order.configuration,
            logger: StandInTable.logger
        )
        let writing = DiskFullWriting(writer, order)
        await writing.writeUntilRefused()
        if order.eater == .beforeDraining {
            try space.eatUp()
            await writing.writeALittle()
        }
        if order.diesWhenFull { die() }
        // The disk fails rather than being full; see ``SmallDisk``.
        if order.disk.kind == .fileSizeLimit { try space.giveBack() }
        DiskFullReport.full.send()
        try await watchTheDrain(writing, order.eater == .whileDraining ? space : nil)
        if order.eater != .never || order.startsFull { try space.giveBack() }
        await writing.writeAgain()
        let report = await writer.close()
        if let reason = report.reason { DiskFullReport.wrong("\(report.remaining) records are left: \(reason)").send() }
    }

    /// Returns when everything is delivered, with a few writes on the way, or when nothing was for too long.
    private func watchTheDrain(_ writing: DiskFullWriting, _ eaten: DiskSpace?) async throws {
        var delivered = -1
        var latestProgress = ContinuousClock.now
        // Few, or what comes in would keep it from ever being empty.
        var writesLeft = 10
        while writing.undelivered > 0 {
            try eaten?.eatUp()
            if writesLeft > 0 { await writing.writeALittle() }
            writesLeft -= 1
            if writing.status.delivered > delivered {
                delivered = writing.status.delivered
                latestProgress = .now
            } else if latestProgress.duration(to: .now) > Self.patience {
                return DiskFullReport.wrong("the drain stands still: \(writing.status)").send()
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private static let patience = Duration.seconds(15)
}
