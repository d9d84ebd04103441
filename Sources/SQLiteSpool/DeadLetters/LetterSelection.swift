/// Which dead letters are meant.
package enum LetterSelection: Sendable, Equatable {
    case all
    /// Those that ClickHouse refused with this code; nil: those without one.
    case code(Int?)
    case ids([Int64])

    /// The condition for a row of `dead_letters`, with one parameter, `?1`, and what is to be bound to it.
    var condition: (sql: String, value: Statement.Value) {
        switch self {
        case .all: ("?1 IS NULL", .null)
        case .code(let code): ("code IS ?1", .optional(code.map(Int64.init)))
        // One parameter, however many they are.
        case .ids(let ids): ("id IN (SELECT value FROM json_each(?1))", .text("\(ids)"))
        }
    }
}
