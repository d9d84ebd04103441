internal import Migrations

/// The tables that a spool has, to tell one from a file that only says that it is one.
///
/// Their text in the file is compared with what the migrations make, without comments and spaces: those differ between the
/// programs that wrote a version. Views are not compared. Nothing of ours reads one, and `Database.distrust` turns them off.
enum SpoolSchema {
    enum Difference: Equatable {
        /// Something that no version of this program makes, and that may run when the file is read or written.
        case foreign(String)
        /// A table is missing, or another one: as damage may leave it.
        case changed(String)
    }

    /// - Parameter version: what the file says that its schema is; at most the newest.
    /// - Returns: nil when the file has the tables of this version, and nothing but views beside them.
    static func difference(in database: borrowing Database, version: Int64) throws(SQLiteError) -> Difference? {
        guard (0...Int64(Migration.spool.count)).contains(version) else { return .changed("the version is \(version)") }
        var missing = try tables.get()[Int(version)]
        var unknown: [String] = []
        let rows = try database.prepare("SELECT name, sql FROM sqlite_schema")
        while try rows.step() {
            let name = rows.text(0) ?? ""
            let words = SQLWords.split(rows.text(1) ?? "")
            if let index = missing.firstIndex(of: words) {
                missing.remove(at: index)
            } else if words.starts(with: ["CREATE", "VIEW"]) {
                if ourNames.contains(name.lowercased()) { return .foreign("\(name) is a view") }
            } else if words.starts(with: ["CREATE", "TABLE"]) {
                if !statistics.contains(words) { unknown.append(name) }
            } else {
                return .foreign("it has \(words.prefix(2).joined(separator: " ").lowercased()) \(name)")
            }
        }
        if let table = missing.first {
            return .changed("its table \(table.dropFirst(2).first ?? "") is not there, or another")
        }
        // One of ours that its version has not: the version is damaged.
        if let table = unknown.first(where: { ourNames.contains($0.lowercased()) }) {
            return .changed("it has a table \(table)")
        }
        return unknown.first.map { .foreign("it has a table \($0)") }
    }

    /// A table of ours that is none in the file, or computes what is read of it. No damage makes one. Where the schema cannot
    /// be read, nothing of the file can.
    static func programmedTable(in database: borrowing Database) -> String? {
        database.setDeadline(in: .longestQuery)
        defer { database.setDeadline(in: nil) }
        do throws(SQLiteError) {
            let rows = try database.prepare("SELECT name, sql FROM sqlite_schema")
            let columns = try database.prepare("SELECT count(*) FROM pragma_table_xinfo(?1) WHERE hidden <> 0")
            while try rows.step() {
                guard let name = rows.text(0), ourNames.contains(name.lowercased()) else { continue }
                guard SQLWords.split(rows.text(1) ?? "").starts(with: ["CREATE", "TABLE"]) else { return name }
                try columns.bind([.text(name)])
                if try columns.readInteger() > 0 { return name }
            }
        } catch {
            // A deadline is no damage: the schema was made so.
            return error.isInterruption ? "sqlite_schema" : nil
        }
        return nil
    }

    /// What ANALYZE makes, by hand.
    private static let statistics = [
        "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
        "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
    ].map(SQLWords.split)

    private static let ourNames: Set<String> = ["batches", "dead_letters", "delivery", "records", "spool"]

    /// By the schema's version, from 0.
    private static let tables: Result<[[[String]]], SQLiteError> = .init { () throws(SQLiteError) in
        let database = try Database(path: ":memory:", access: .create)
        var versions: [[[String]]] = [[]]
        for migration in Migration.spool {
            try database.execute(migration.sql)
            var tables: [[String]] = []
            let rows = try database.prepare("SELECT sql FROM sqlite_schema WHERE type = 'table'")
            while try rows.step() { tables.append(SQLWords.split(rows.text(0) ?? "")) }
            versions.append(tables)
        }
        return versions
    }
}

/// SQL as its words and signs.
enum SQLWords {
    /// Without spaces and comments, as SQLite parts them. What stands in quotes is one word, the quotes with it.
    static func split(_ sql: String) -> [String] {
        let bytes = Array(sql.utf8)
        var words: [String] = []
        var index = 0
        while index < bytes.count {
            let start = index
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            switch bytes[index] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x0c:
                index += 1
                continue
            case UInt8(ascii: "-") where next == UInt8(ascii: "-"):
                index = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                continue
            case UInt8(ascii: "/") where next == UInt8(ascii: "*"):
                index += 2
                while index < bytes.count, !bytes[index...].starts(with: "*/".utf8) { index += 1 }
                index = min(index + 2, bytes.count)
                continue
            case let quote where "'\"`[".utf8.contains(quote):
                let end = quote == UInt8(ascii: "[") ? UInt8(ascii: "]") : quote
                index = (bytes[(index + 1)...].firstIndex(of: end) ?? bytes.count - 1) + 1
            case let byte where isPartOfWord(byte):
                while index < bytes.count, isPartOfWord(bytes[index]) { index += 1 }
            default: index += 1
            }
            words.append(String(decoding: bytes[start..<index], as: UTF8.self))
        }
        return words
    }

    private static func isPartOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
            true
        default: false
        }
    }
}
