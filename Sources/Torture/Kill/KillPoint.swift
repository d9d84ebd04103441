/// Where a child dies.
enum KillPoint: String, Codable, CaseIterable {
    /// At no particular place: after some acknowledgements and some time. Every other cycle.
    case random

    // After a commit, before anybody is told of it.
    case append, freeze, acknowledge

    /// A batch arrived at ClickHouse, which has not stored it.
    case send
    /// A batch is stored, and its reply on the way or not.
    case reply

    // In the middle of a write to a file, some of its bytes written.
    case commit, checkpoint, migration

    /// While an owner repairs a damaged WAL and exchanges the file: in a call to the file system.
    case repair
    /// While an owner writes what it could read of a damaged spool: in a write to a file.
    case salvage

    static let named = allCases.filter { $0 != .random }

    static func planned(for cycle: Int) -> KillPoint {
        cycle % 2 == 0 ? .random : named[cycle / 2 % named.count]
    }

    /// The figure of the verdict that counts it.
    var figure: String {
        switch self {
        case .random: "killed_at_random"
        case .append, .freeze, .acknowledge, .send, .reply: "killed_after_\(rawValue)"
        case .commit, .checkpoint, .migration, .repair, .salvage: "killed_in_\(rawValue)"
        }
    }
}
