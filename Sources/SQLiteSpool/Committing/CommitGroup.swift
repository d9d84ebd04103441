/// What goes into one transaction, and who waits for it.
struct CommitGroup {
    struct Waiting<Work: Sendable> {
        let work: Work
        let completion: Completion
        /// Why it alone was not done, though its transaction was committed.
        var refusal: SpoolError?
    }

    var appends: [Waiting<NewRecords>] = []
    var changes: [Waiting<SpoolOperation>] = []
    /// Damage that a reader has found, and how often the file had been opened anew by then: no part of the transaction.
    var findings: [Waiting<(damage: SpoolError, openings: Int)>] = []

    var isEmpty: Bool { appends.isEmpty && changes.isEmpty && findings.isEmpty }

    /// How many tasks wait for it.
    var work: Int { appends.count + changes.count + findings.count }

    var records: Int { appends.reduce(0) { $0 + $1.work.count } }

    var storedRecords: Int { appends.reduce(0) { $1.refusal == nil ? $0 + $1.work.count : $0 } }

    var refusal: SpoolError? { appends.lazy.compactMap(\.refusal).first }

    /// How many dead letters will be fewer, at most.
    var leavingLetters: Int {
        let requeued = appends.reduce(0) {
            if case .requeued(let move) = $1.work { $0 + move.ids.count } else { $0 }
        }
        return changes.reduce(requeued) {
            if case .discard(let move) = $1.work { $0 + move.ids.count } else { $0 }
        }
    }

    var withoutChanges: Self { Self(appends: appends) }
    var withoutAppends: Self { Self(changes: changes) }

    func complete(with result: Result<Void, SpoolError>) {
        for append in appends { append.completion.resume(with: result) }
        for change in changes { change.completion.resume(with: result) }
    }

    /// Resumes each task with what became of its own work.
    func complete() {
        for append in appends {
            append.completion.resume(with: append.refusal.map { .failure($0) } ?? .success(()))
        }
        withoutAppends.complete(with: .success(()))
    }
}

extension [CommitGroup.Waiting<NewRecords>] {
    var bytesToStore: Int { reduce(0) { $0 + $1.work.bytesToStore } }
}
