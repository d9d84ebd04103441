internal import SQLiteSpool

/// What a ``BatchWriter`` throws.
public struct WriterError: Error, CustomStringConvertible {
    /// What kind of error it is.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case invalidConfiguration, spoolInUse, spoolRefused, spoolFull, spoolFailed
            case writerClosed, recordNotEncodable, recordTooLarge, notDelivered
        }

        private let wrapped: Wrapped

        /// The code's name, for example `writerClosed`.
        public var description: String { wrapped.rawValue }

        /// A value of the configuration cannot be used. Thrown when the writer is made.
        public static let invalidConfiguration = Code(wrapped: .invalidConfiguration)
        /// Another writer owns the spool; the message names its process. Thrown when the writer is made.
        public static let spoolInUse = Code(wrapped: .spoolInUse)
        /// The spool's path, or the file there, may not be used: a symbolic link, somebody else's file, another
        /// program's database, a newer version's spool. It was left as it is. Thrown when the writer is made.
        public static let spoolRefused = Code(wrapped: .spoolRefused)
        /// There is no room on the disk. What was to be written is not stored; what was before is kept.
        public static let spoolFull = Code(wrapped: .spoolFull)
        /// The spool's disk or file failed, or another program writes to it. What was to be written is not stored.
        public static let spoolFailed = Code(wrapped: .spoolFailed)
        /// `close` was called before. What was to be written is not stored.
        public static let writerClosed = Code(wrapped: .writerClosed)
        /// The record has a value that cannot be stored exactly, or does not write the columns that it names.
        public static let recordNotEncodable = Code(wrapped: .recordNotEncodable)
        /// The record's row is longer than ``BatchWriterConfiguration/maxRecordBytes``.
        public static let recordTooLarge = Code(wrapped: .recordTooLarge)
        /// `flush` could not deliver everything; what is left stays in the spool and is sent when ClickHouse takes it.
        public static let notDelivered = Code(wrapped: .notDelivered)
    }

    /// What to switch on.
    public let code: Code

    /// What happened, where, and what to do about it. Holds no credentials.
    public let message: String

    /// The error that led to this one.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Code and message.
    public var description: String { "\(code): \(message)" }
}

extension WriterError {
    init(_ error: SpoolError) {
        let code: Code =
            switch error.code {
            case .closed: .writerClosed
            case .full: .spoolFull
            case .inUse: .spoolInUse
            case .refused: .spoolRefused
            case .busy, .failed, .damaged, .changed: .spoolFailed
            }
        self.init(code, error.description, cause: error)
    }
}
