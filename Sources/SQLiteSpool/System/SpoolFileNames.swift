/// The names that a spool's files have, and that no other file may be given.
enum SpoolFileNames {
    /// What SQLite reads together with a database, and takes for its own.
    static let ofSQLite = ["-wal", "-shm", "-journal"]

    /// What stands behind the spool's name in those of the files that are beside it while it is used.
    static let beside = ofSQLite + [".lock"]

    /// What stands behind the spool's name in those of the files that a salvage makes. `.salvaged-` is of versions before
    /// the owner's note named the salvage.
    private static let ofSalvages = [".salvaging", ".salvaged-", ".damaged-", ".displaced-"]

    /// Why a file of this path must not become a spool; nil when it may.
    static func reasonToRefuse(spool path: String) -> String? {
        guard let suffix = beside.first(where: { path.hasSuffix($0) }) else { return nil }
        return """
            \(path) is the name of a file beside another spool, \(path.dropLast(suffix.count)); choose a name that does \
            not end in \(suffix)
            """
    }

    /// Why an operator's new file must not have this path; nil when it may.
    static func reasonToRefuse(output path: String) -> String? {
        if let reason = reasonToRefuse(spool: path) { return reason }
        let name = path.dropFirst(directory(ofFile: path).count)
        guard let part = ofSalvages.first(where: { name.contains($0) }) else { return nil }
        return "\(path) is a name that a writer gives to its own files; choose one without \"\(part)\""
    }

    /// The names that look as if a salvage had left them beside a spool.
    ///
    /// - Parameters:
    ///   - name: the spool's.
    ///   - draft: the name of the draft of a salvage that the owner's note names.
    static func strangers(in names: [String], spool name: String, draft: String?) -> [String] {
        let strangers = names.filter { candidate in
            (candidate.hasPrefix("\(name).salvaging") || candidate.hasPrefix("\(name).salvaged-"))
                && draft.map { !candidate.hasPrefix($0) } ?? true
        }
        // A file's companions are not named beside it.
        return strangers.filter { candidate in
            !beside.contains { candidate.hasSuffix($0) && strangers.contains(String(candidate.dropLast($0.count))) }
        }.sorted()
    }
}
