internal import SQLiteSpool

/// What a salvage has done, in words.
enum SalvageWords {
    /// `salvaged 12 records, set aside 1 as a dead letter, lost at most 3`
    static func summary(of loss: SpoolLoss) -> String {
        let lost =
            switch loss.lostAtMost {
            case nil: "lost an unknown number of records"
            case 0: "lost none"
            case let count?: "lost at most \(Words.count(count, "record"))"
            }
        return
            "salvaged \(Words.count(loss.salvaged, "record")), set aside \(Words.count(loss.setAside, "dead letter")), \(lost)"
    }
}
