internal import Logging

/// Hands each message on to another handler through a ``LogQueue``.
struct QueuedLogHandler: LogHandler {
    private var base: any LogHandler
    private let queue: LogQueue

    init(_ base: any LogHandler, queue: LogQueue) {
        self.base = base
        self.queue = queue
    }

    func log(event: LogEvent) {
        queue.add { [base] in
            base.log(event: event)
        } sayDropped: { [base] count in
            var event = event
            event.level = .warning
            event.message = "Log lines were dropped: standard error was not read"
            event.metadata = ["log.dropped": "\(count)"]
            base.log(event: event)
        }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }
}
