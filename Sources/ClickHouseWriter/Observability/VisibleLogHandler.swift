package import Logging

/// Hands each message on to another handler as ``VisibleText``, and its metadata too: a model's name, a server's answer or
/// a path in it cannot act on the terminal that shows the log.
package struct VisibleLogHandler: LogHandler {
    private var base: any LogHandler
    private let queue: LogQueue?

    /// - Parameter queue: where the other handler is called; nil: at once.
    package init(_ base: any LogHandler, queue: LogQueue? = nil) {
        self.base = base
        self.queue = queue
    }

    package func log(event: LogEvent) {
        var event = event
        event.message = "\(VisibleText.escape(event.message.description))"
        event.metadata = event.metadata.map(Self.escape)
        // A handler would write it out by itself.
        if let error = event.error {
            event.error = nil
            event.metadata = ["error": .string(VisibleText.escape("\(error)"))].merging(event.metadata ?? [:]) { $1 }
        }
        guard let queue else { return base.log(event: event) }
        queue.add { [base, event] in
            base.log(event: event)
        } sayDropped: { [base, event] count in
            var event = event
            event.level = .warning
            event.message = "Log lines were dropped: they were not read in time"
            event.metadata = ["log.dropped": "\(count)"]
            base.log(event: event)
        }
    }

    package var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = Self.escape(newValue) }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue.map(Self.escape) }
    }

    package var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    package var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    private static func escape(_ metadata: Logger.Metadata) -> Logger.Metadata {
        Logger.Metadata(
            metadata.map { (VisibleText.escape($0.key), escape($0.value)) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    private static func escape(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): .string(VisibleText.escape(text))
        case .stringConvertible(let value): .string(VisibleText.escape(value.description))
        case .array(let values): .array(values.map(escape))
        case .dictionary(let values): .dictionary(escape(values))
        }
    }
}

extension Logger {
    /// The same logger, whose messages and metadata are visible text.
    package var visible: Logger {
        var logger = Logger(label: label) { _ in VisibleLogHandler(handler) }
        logger.logLevel = logLevel
        return logger
    }
}
