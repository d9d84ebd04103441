internal import SQLiteSpool

/// What a salvage has done, in words.
enum SalvageWords {
    /// `salvaged 12 records, set aside 1 as a dead letter, lost at most 3`
    static func summary(of loss: SpoolLoss) -> String {
        let lost = loss.lost == 0 ? "lost none" : "lost at most \(Words.count(loss.lost, "record"))"
        return
            "salvaged \(Words.count(loss.salvaged, "record")), set aside \(Words.count(loss.setAside, "dead letter")), \(lost)"
    }
}
