internal import Foundation
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// What SIGTERM and SIGINT do. The first ends the process in order. The second does not wait for open responses or for
/// ClickHouse: it ends those, and the process as soon as their traces are in the spool, where the next start finds them.
struct ShutdownSignals {
    /// How long the disk has for the latest traces after a second signal.
    private static let writingTimeout = Duration.seconds(2)

    private let signals: UnixSignalsSequence
    private let group: ServiceGroup
    private let shutdown: Shutdown
    private let recorder: TraceRecorder
    private let logger = Logger(label: "llm-proxy")

    /// Traps the signals from now on.
    init(group: ServiceGroup, shutdown: Shutdown, recorder: TraceRecorder) async {
        signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        self.group = group
        self.shutdown = shutdown
        self.recorder = recorder
    }

    /// Returns when the task is cancelled, and never after a second signal.
    func obey() async {
        var isSecond = false
        for await signal in signals {
            if isSecond { await endAtOnce(signal) }
            isSecond = true
            logger.notice("Ending in order; a second signal would end at once", metadata: ["signal": "\(signal)"])
            await group.triggerGracefulShutdown()
        }
    }

    private func endAtOnce(_ signal: UnixSignal) async -> Never {
        logger.notice("Ending at once; the spool keeps what is in it", metadata: ["signal": "\(signal)"])
        shutdown.hurry()
        Task { [logger] in
            try await Task.sleep(for: Self.writingTimeout)
            logger.error("The disk did not take the latest traces; they are lost")
            exit(EXIT_FAILURE)
        }
        await recorder.waitUntilWritten()
        exit(EXIT_SUCCESS)
    }
}
