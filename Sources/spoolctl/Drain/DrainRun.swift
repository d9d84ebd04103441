internal import ClickHouseWriter
internal import Glibc
internal import UnixSignals

/// Delivers until nothing is left, or until it makes no sense to go on.
struct DrainRun: Sendable {
    let delivery: SpoolDelivery
    let display: DrainDisplay

    /// How long failures may go on with nothing delivered; nil: for ever.
    let patience: Duration?

    private let clock = ContinuousClock()

    /// - Parameter signals: the first one ends the drain in order, the second one the process.
    /// - Returns: why it ended, the spool being closed then, and how long it took.
    func run(signals: UnixSignalsSequence) async -> (ending: DrainReport.Ending, elapsed: Duration) {
        let start = clock.now
        let (interruptions, interruption) = AsyncStream.makeStream(of: Int32.self)
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                var isFirst = true
                for await signal in signals {
                    // What was sent is frozen in the spool, so nothing is lost by this.
                    if !isFirst { _exit(128 + signal.rawValue) }
                    isFirst = false
                    interruption.yield(signal.rawValue)
                }
            }
            let ending = await end(start: start, interruptions: interruptions)
            group.cancelAll()
            return (ending, start.duration(to: clock.now))
        }
    }

    private func end(
        start: ContinuousClock.Instant,
        interruptions: AsyncStream<Int32>
    ) async -> DrainReport.Ending {
        await withTaskGroup(of: DrainReport.Ending?.self) { group in
            group.addTask { await deliver(start: start) }
            group.addTask {
                for await signal in interruptions {
                    await display.say("ending, once what is being sent is answered; again to end at once")
                    return .interrupted(signal: signal)
                }
                return nil
            }
            group.addTask {
                while !Task.isCancelled {
                    await display.show(DrainDisplay.State(delivery.status), at: start.duration(to: clock.now))
                    try? await Task.sleep(for: .milliseconds(200))
                }
                return nil
            }
            let ending = await group.next() ?? nil
            // It ends the flush that the first task may still wait for.
            await delivery.close(deliversRest: false)
            group.cancelAll()
            await group.waitForAll()
            await display.show(DrainDisplay.State(delivery.status), at: start.duration(to: clock.now))
            await display.end()
            // What was being sent may have been the last.
            let status = delivery.status
            return status.pending + status.inFlight == 0 ? .emptied : ending ?? .held(reason: "the delivery ended")
        }
    }

    /// Waits for the delivery, which goes on by itself, and for its retries.
    private func deliver(start: ContinuousClock.Instant) async -> DrainReport.Ending {
        var delivered = 0
        var latestProgress = start
        while true {
            do throws(DeliveryFailure) {
                try await delivery.flush(hurries: false)
                return .emptied
            } catch {
                if error.isHeld {
                    guard case .poisoned(let reason) = delivery.status.delivery else {
                        return .held(reason: error.reason)
                    }
                    return .refused(reason: reason)
                }
                guard let retry = error.retryIn else { return .gaveUp(reason: error.reason) }
                let now = clock.now
                if delivery.status.delivered > delivered {
                    (delivered, latestProgress) = (delivery.status.delivered, now)
                }
                let rest = patience.map { $0 - latestProgress.duration(to: now) }
                if let rest, rest <= .zero { return .gaveUp(reason: error.reason) }
                await display.wait(for: error.reason, nextAttempt: start.duration(to: now) + retry)
                try? await clock.sleep(for: min(retry, rest ?? retry))
                if Task.isCancelled { return .gaveUp(reason: error.reason) }
                await display.goOn()
            }
        }
    }
}
