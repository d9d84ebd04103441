import Foundation
import SQLiteSpool

/// What may have happened to a spool's files, one thing after the other.
struct SpoolDamage {
    private var source: ByteSource

    init(_ source: ByteSource) {
        self.source = source
    }

    /// - Parameter path: where the database is written for what is done in SQL, and left.
    mutating func apply(to image: inout SpoolImage, path: String) throws {
        let mendsSums = source.bool()
        for _ in 0..<12 where !source.isEmpty {
            if source.bool() {
                damageBytes(&image)
            } else {
                try image.write(to: path)
                execute(sql(), path: path)
                image = try SpoolImage(readingFrom: path)
            }
        }
        if mendsSums { image.mendSums() }
        try image.write(to: path)
    }

    private mutating func damageBytes(_ image: inout SpoolImage) {
        let part = source.choice(SpoolImage.Part.allCases)
        let kind = source.byte() % 6
        guard !image[part].isEmpty else { return }
        let offset = Int(source.integer(UInt32.self)) % image[part].count
        let page = offset / SpoolImage.pageBytes * SpoolImage.pageBytes
        switch kind {
        case 0: image[part][offset] = source.byte()
        case 1: image[part][offset] ^= 1 << (source.byte() & 7)
        case 2: overwrite(&image[part], at: offset, with: source.bytes(4))
        case 3: image[part].removeSubrange(offset...)
        case 4: overwrite(&image[part], at: page, with: [UInt8](repeating: 0, count: SpoolImage.pageBytes))
        default:
            let other = Int(source.byte()) * SpoolImage.pageBytes % image[part].count
            overwrite(&image[part], at: page, with: Array(image[part][other...].prefix(SpoolImage.pageBytes)))
        }
    }

    private func overwrite(_ bytes: inout [UInt8], at offset: Int, with new: [UInt8]) {
        let end = min(bytes.count, offset + new.count)
        bytes.replaceSubrange(offset..<end, with: new.prefix(end - offset))
    }

    private func execute(_ sql: String, path: String) {
        // What SQLite refuses has not happened.
        guard let database = try? Database(path: path, access: .readWrite) else { return }
        try? database.execute("PRAGMA ignore_check_constraints = ON; PRAGMA writable_schema = ON")
        try? database.execute(sql)
    }

    /// A statement that changes what a spool believes of itself.
    private mutating func sql() -> String {
        let table = source.choice(["records", "batches", "dead_letters", "spool", "delivery"])
        switch source.byte() % 10 {
        case 0:
            let column = source.choice(["last_id", "records", "payload_bytes", "dead_letters", "singleton"])
            return "UPDATE spool SET \(column) = \(number())"
        case 1:
            let column = source.choice(["first_id", "last_id", "records", "payload_bytes", "frozen_at", "attempts"])
            return "UPDATE OR IGNORE batches SET \(column) = \(number()) WHERE first_id % 2 = \(source.byte() & 1)"
        case 2: return "UPDATE OR IGNORE records SET id = \(number()) WHERE id = \(source.byte() % 10)"
        case 3:
            return
                "INSERT OR REPLACE INTO records (id, enqueued_at, payload) VALUES (\(number()), \(number()), \(text()))"
        case 4:
            return """
                INSERT OR REPLACE INTO batches (first_id, last_id, token, records, payload_bytes, frozen_at, attempts)
                VALUES (\(number()), \(number()), \(text()), \(number()), \(number()), \(number()), \(number()))
                """
        case 5: return "DELETE FROM \(table) WHERE rowid % 4 = \(source.byte() & 3)"
        case 6: return source.bool() ? "DROP TABLE \(table)" : "DROP VIEW spool_status"
        case 7: return "PRAGMA \(source.choice(["user_version", "application_id"])) = \(number())"
        case 8: return "UPDATE sqlite_schema SET rootpage = \(number()) WHERE name = '\(table)'"
        default: return "UPDATE spool SET uuid = \(text())"
        }
    }

    private mutating func number() -> Int64 {
        source.choice([0, 1, -1, 2, 3, 5, 9, 100, .max, .max - 1, .min, .min + 1, 1 << 32, source.integer()])
    }

    private mutating func text() -> String {
        if source.bool() { return "'{\"n\":1}'" }
        // In two digits each.
        let hex = source.bytes().map { String(0x100 + Int($0), radix: 16).dropFirst() }.joined()
        return "CAST(x'\(hex)' AS TEXT)"
    }
}
