internal import Glibc
internal import Logging
internal import NIOPosix
internal import UnixSignals

/// What SIGHUP does: reads anew what may change while the proxy runs. What cannot be used leaves the old in force. Where it
/// comes because the terminal has closed that the proxy was started in, it ends the proxy in order.
struct RereadSignal {
    private let signals: UnixSignalsSequence
    private let hasTerminal = isatty(STDIN_FILENO) == 1
    private let logger = Logger(label: "llm-proxy")

    /// Traps the signal from now on; what comes before ``obey(keys:tls:onHangup:)`` waits for it.
    init() async {
        signals = await UnixSignalsSequence(trapping: .sighup)
    }

    /// Returns when the task is cancelled.
    ///
    /// - Parameters:
    ///   - tls: read certificates anew, and log what came of it.
    ///   - onHangup: called when the terminal has closed.
    func obey(
        keys: ClientKeys?,
        tls: [@Sendable () async -> Void],
        onHangup: @Sendable () async -> Void
    ) async {
        for await _ in signals {
            if hasTerminal, isatty(STDIN_FILENO) == 0 {
                logger.notice("Ending in order: the terminal has closed")
                await onHangup()
                continue
            }
            if keys == nil, tls.isEmpty { logger.notice("SIGHUP: there are no keys or certificates to read anew") }
            if let keys { await reread(keys) }
            for reread in tls { await reread() }
        }
    }

    private func reread(_ keys: ClientKeys) async {
        let file: Logger.Metadata = ["keys.file": "\(keys.path)"]
        do {
            let count = try await NIOThreadPool.singleton.runIfActive { try keys.reread() }
            logger.notice("The client keys were read anew", metadata: file.merging(["keys.count": "\(count)"]) { $1 })
        } catch {
            logger.error(
                "The client keys cannot be read anew; the old ones stay in force",
                metadata: file.merging(["reason": "\(error)"]) { $1 }
            )
        }
    }
}
