public import Foundation
internal import SQLiteSpool

/// A record that ClickHouse refused while it accepted others, kept in the spool with the reason.
public struct DeadLetter: Sendable, Equatable, Identifiable {
    /// The record's number in the spool. Once requeued it has another one.
    public let id: Int64
    /// ClickHouse's error code; nil when there was none, as for what was damaged on the disk.
    public let code: Int?
    /// ClickHouse's message, or why the record is here. It may quote the record.
    public let message: String
    /// Sends that failed.
    public let attempts: Int
    /// When it was written; whole milliseconds.
    public let enqueuedAt: Date
    /// When it became a dead letter; whole milliseconds.
    public let deadLetteredAt: Date
    /// The row, one line of JSON, byte for byte as it was sent.
    public let row: String
    /// Whether the row is as it was written: nothing has damaged it on the disk. One that is not is never sent again.
    public let isIntact: Bool
}

/// Which dead letters are meant.
public enum DeadLetterSelection: Sendable, Equatable {
    /// All of them.
    case all
    /// Those that ClickHouse refused with this code; nil: those without one.
    case code(Int?)
    /// Those with these ids; others are ignored.
    case ids([DeadLetter.ID])
}

extension DeadLetter {
    init(_ letter: StoredLetter) {
        self.init(
            id: letter.id,
            code: letter.code,
            message: letter.message,
            attempts: letter.attempts,
            enqueuedAt: Date(letter.enqueuedAt),
            deadLetteredAt: Date(letter.deadLetteredAt),
            row: String(decoding: letter.payload, as: UTF8.self),
            isIntact: letter.obstacle != .damaged
        )
    }
}

extension LetterSelection {
    init(_ selection: DeadLetterSelection) {
        self =
            switch selection {
            case .all: .all
            case .code(let code): .code(code)
            case .ids(let ids): .ids(ids)
            }
    }
}

extension Date {
    fileprivate init(_ instant: WallInstant) {
        self.init(timeIntervalSince1970: Double(instant.milliseconds) / 1_000)
    }
}
