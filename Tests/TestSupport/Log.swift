package import Logging
internal import Synchronization

/// Keeps what is logged.
package final class LogRecorder: Sendable {
    package struct Entry: Sendable {
        package let level: Logger.Level
        package let message: String
        package let metadata: String
    }

    private let recorded = Mutex<[Entry]>([])

    package init() {}

    package var entries: [Entry] { recorded.withLock { $0 } }

    package var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let entry = Entry(
                level: event.level,
                message: event.message.description,
                metadata: "\(event.metadata ?? [:])"
            )
            recorder.recorded.withLock { $0.append(entry) }
        }
    }
}
