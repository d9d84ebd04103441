/// What one look at a spool has shown.
package struct CheckResult: Sendable, Equatable {
    /// What was looked at, for example `modes`.
    package let name: String
    /// What was found, good or bad.
    package let detail: String
    /// What to do about it; nil when it is as it should be.
    package var remedy: String?

    package var isSound: Bool { remedy == nil }

    /// Several findings under one name, or that there are none.
    static func of(_ name: String, sound: String, _ findings: [(detail: String, remedy: String)]) -> [CheckResult] {
        if findings.isEmpty { return [CheckResult(name: name, detail: sound)] }
        return findings.map { CheckResult(name: name, detail: $0.detail, remedy: $0.remedy) }
    }
}

/// The judgements, each from values alone.
extension CheckResult {
    private static let salvage =
        "stop its owner and start it again: it sets the file aside and salvages it; or run: spoolctl salvage"

    /// - Parameter files: those that are there, by their path; the spool's first.
    static func files(_ files: [(path: String, status: FileStatus)]) -> [CheckResult] {
        guard let spool = files.first?.status else { return [] }
        let findings = files.enumerated().flatMap { index, file -> [(String, String)] in
            FileRules.all(isSpool: index == 0, spool: spool).breaches(by: file.status, at: file.path)
                .map { ($0.detail, $0.remedy) }
        }
        let mode = String(spool.permissions, radix: 8)
        return of("files", sound: "of user \(spool.owner), mode \(mode)", findings)
    }

    /// - Parameters:
    ///   - mount: nil where that is not known.
    ///   - copied: the files that are not overwritten in place.
    static func fileSystem(_ mount: Mount?, copied: [String]) -> [CheckResult] {
        var findings: [(String, String)] = []
        if let mount, mount.isNetwork {
            let detail = "a network file system (\(mount.type)), where SQLite's locks and syncs may not hold"
            findings.append((detail, "move the spool to a local disk while no owner lives"))
        }
        if let mount, !copied.isEmpty {
            findings.append(("\(copied.joined(separator: ", ")): \(mount.copying.detail)", mount.copying.remedy))
        }
        let words = mount.map { $0.forgets ? $0.forgetting : "local (\($0.type))" }
        return of("file system", sound: words ?? "local", findings)
    }

    static func modes(journal: String, autoVacuum: Int) -> [CheckResult] {
        var findings: [(String, String)] = []
        if journal != "wal" {
            findings.append(("the journal mode is \(journal), not wal", "start its owner, which sets it"))
        }
        if autoVacuum != 2 {
            let detail = "auto_vacuum is \(autoVacuum), not 2: the file never shrinks"
            findings.append((detail, "drain it, and start with a new file"))
        }
        return of("modes", sound: "write-ahead log, incremental vacuum", findings)
    }

    /// - Parameter findings: what is wrong, in words.
    static func damage(_ name: String, sound detail: String, _ findings: [String]) -> [CheckResult] {
        of(name, sound: detail, findings.map { ($0, salvage) })
    }

    static func deadLetters(_ count: Int, counted: Int, unreadable: [Int64]) -> [CheckResult] {
        var findings: [(String, String)] = []
        if count != counted { findings.append(("there are \(count), and \(counted) are counted", salvage)) }
        if !unreadable.isEmpty {
            let detail = "not the row that was written: \(unreadable.firstFew)"
            findings.append((detail, "look at them with spoolctl dead-letters show, and discard them"))
        }
        return of("dead letters", sound: "\(count), as counted", findings)
    }

    /// - Parameters:
    ///   - note: what the owner noted before `ledger` was read; nil when it left none.
    ///   - noteAfterwards: what it noted after that.
    static func note(_ note: OwnerNote?, _ noteAfterwards: OwnerNote?, _ ledger: Ledger) -> [CheckResult] {
        let name = "owner's note"
        guard let note else { return of(name, sound: "there is none", []) }
        guard note.uuid == ledger.uuid else {
            return of(name, sound: "is of another spool; the next owner writes a new one", [])
        }
        var findings: [String] = []
        switch note.state {
        case .sound: break
        case .failed: findings.append("the disk failed while process \(note.process) had it")
        case .displaced: findings.append("process \(note.process) found that the names of its files led elsewhere")
        case .damaged: findings.append("process \(note.process) read what cannot be what was written")
        }
        if note.isAhead(of: ledger) {
            findings.append(
                note.durability == .powerLoss
                    ? "record \(note.progress.committed) was committed, and the file ends at \(ledger.lastID)"
                    : "the file is older than the note, as after a power cut without syncs"
            )
        }
        // A living owner may have let some go between the two.
        let letters = note.progress.deadLetters
        if letters > ledger.deadLetters, noteAfterwards?.progress.deadLetters == letters {
            findings.append("there were \(letters) dead letters, and there are \(ledger.deadLetters)")
        }
        return damage(name, sound: "agrees with the file", findings)
    }

    /// - Parameters:
    ///   - names: of the files in the spool's directory that begin with its own.
    ///   - strangers: those that are named like a salvage, and are none that the owner's note names.
    static func besides(_ names: [String], strangers: [String]) -> [CheckResult] {
        let setAside = names.filter { $0.contains(".damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix(".original") }
        var results: [CheckResult] = []
        if !setAside.isEmpty {
            let files = setAside.sorted().joined(separator: ", ")
            results += of("set aside", sound: "\(files): damaged once; what was readable of it went on here", [])
        }
        if !strangers.isEmpty {
            let files = strangers.joined(separator: ", ")
            let detail = "\(files): named like a salvage, and the owner's note names no such salvage"
            results += of("besides", sound: "", [(detail, "move it away if you do not need it")])
        }
        return results
    }
}

extension [Int64] {
    /// For example: 1, 2, 3, 4, 5, …
    var firstFew: String { prefix(5).map(String.init).joined(separator: ", ") + (count > 5 ? ", …" : "") }
}
