/// How much a spool may hold, and what happens when it is full.
package struct SpoolLimits: Sendable, Equatable {
    package enum WhenFull: String, Sendable, CaseIterable {
        /// The new record is refused.
        case reject
        /// The oldest records that are in no batch make room, and are counted.
        case dropOldest
    }

    /// Bytes of the database's pages in use and of the WAL: dead letters count, pages to be reused do not.
    package var maxBytes: Int
    /// Records not delivered yet; nil: as many as have room.
    package var maxRecords: Int?
    package var whenFull: WhenFull
    /// Records in no batch that are older are dropped; nil: none is.
    package var maxAge: Duration?

    package init(
        maxBytes: Int = 1 << 30,
        maxRecords: Int? = nil,
        whenFull: WhenFull = .reject,
        maxAge: Duration? = nil
    ) {
        self.maxBytes = maxBytes
        self.maxRecords = maxRecords
        self.whenFull = whenFull
        self.maxAge = maxAge
    }

    /// The limits while nearly all is in batches or dead letters: what ClickHouse refuses must not keep out what would show whether the table is
    /// fine. Up to a twentieth more.
    ///
    /// - Parameters:
    ///   - inFlight: records in batches.
    ///   - bytes: that are in use for other things than records in no batch.
    func raised(inFlight: Int, bytes: Int) -> SpoolLimits {
        func raise(_ most: Int, _ taken: Int) -> Int {
            let reserve = max(1, most / 20)
            return max(most, min(most + reserve, taken + reserve))
        }
        var raised = self
        raised.maxBytes = raise(maxBytes, bytes)
        raised.maxRecords = maxRecords.map { raise($0, inFlight) }
        return raised
    }

    /// What must go for some records to have room.
    struct Excess: Equatable {
        var records: Int
        var bytes: Int

        static let none = Excess(records: 0, bytes: 0)
    }

    /// Whether a tenth is free.
    func hasAmpleRoom(records: Int, bytes: Int) -> Bool {
        Double(bytes) <= 0.9 * Double(maxBytes) && maxRecords.map { Double(records) <= 0.9 * Double($0) } ?? true
    }

    /// Whether an empty spool has room for them.
    func canEverHold(records: Int, bytes: Int) -> Bool {
        excess(records: 0, bytes: 0, newRecords: records, newBytes: bytes) == .none
    }

    /// - Parameters:
    ///   - records: not delivered yet.
    ///   - bytes: in use.
    ///   - newRecords: that want to come in.
    ///   - newBytes: that they take.
    func excess(records: Int, bytes: Int, newRecords: Int, newBytes: Int) -> Excess {
        Excess(
            records: maxRecords.map { max(0, records + newRecords - $0) } ?? 0,
            bytes: max(0, bytes + newBytes - maxBytes)
        )
    }
}

/// How many bytes the files of a spool take.
package struct SpoolUsage: Sendable, Equatable {
    /// Of a new spool's pages. Records with prompts and answers have some thousand bytes: with SQLite's usual 4 KiB a commit of
    /// 64 such records takes a third longer, and with 16 KiB a commit of one record writes twice as much.
    package static let defaultPageBytes = 8_192

    /// Of a page: the file keeps what it was made with.
    package var pageBytes = defaultPageBytes
    /// Of the database, those to be reused included.
    package var pages = 0
    /// Pages to be reused, or to be given back to the disk.
    package var freePages = 0
    /// In the WAL, not moved into the database yet.
    package var walPages = 0

    var databaseBytesInUse: Int { (pages - freePages) * pageBytes }
    /// What counts against the limit.
    package var bytesInUse: Int { databaseBytesInUse + walBytes }
    package var databaseBytes: Int { pages * pageBytes }
    package var walBytes: Int { walPages * pageBytes }

    /// What a record will take, as far as its length tells: its part of a page that is filled with its like. One that does
    /// not fit into a page has others of its own, the last of which is not full
    /// (https://www.sqlite.org/fileformat2.html, section 1.6).
    static func bytes(ofPayload length: Int) -> Int {
        let length = length + 32
        let recordsPerPage = (defaultPageBytes - 8) / length
        return recordsPerPage > 0
            ? defaultPageBytes / recordsPerPage : (length / (defaultPageBytes - 4) + 1) * defaultPageBytes
    }
}
