/// What a file lacks of what its last owner noted.
enum LedgerGap: Equatable {
    /// The file is gone, and so many records with it.
    case removed(lost: Int)
    /// The newest records were not on the disk yet when the power failed, as the durability allows.
    case newest(lost: Int)
    /// A disk that keeps its promises cannot have lost it.
    case damage

    /// - Parameter isNew: whether the file has just been made.
    /// - Returns: nil when the file has all of it, or is of another spool.
    init?(_ ledger: Ledger, isNew: Bool = false, behind note: OwnerNote) {
        if isNew {
            let lost = Int(note.progress.committed - note.progress.delivered)
            guard lost > 0 else { return nil }
            self = .removed(lost: lost)
            return
        }
        guard note.uuid == ledger.uuid, ledger.progress.isBehind(note.progress) else { return nil }
        self =
            note.durability == .powerLoss
            ? .damage : .newest(lost: max(0, Int(note.progress.committed - ledger.lastID)))
    }
}
