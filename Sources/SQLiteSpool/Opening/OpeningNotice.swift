/// A finding about the files beside the spool, made when an owner opens it.
package enum OpeningNotice: Sendable, Equatable {
    /// Files that are named like those of a salvage, and are none that the owner's note names. They are as they were.
    case leftAlone([String], _ reason: String)
    /// A salvage that a dead owner had begun. `damagedFile` is where the damaged file is now.
    case finishedSalvage(damagedFile: String)

    /// What happened, and what to do.
    package var message: String {
        switch self {
        case .leftAlone(let files, let reason):
            let shown = files.prefix(Self.filesShown).joined(separator: ", ")
            let more = files.count > Self.filesShown ? " and \(files.count - Self.filesShown) more" : ""
            return """
                left alone \(shown)\(more): named like a salvage, but \(reason). If you do not need it, move it away
                """
        case .finishedSalvage(let file):
            return """
                finished the salvage that a dead owner had begun: the spool has what could be read of \(file), which was \
                set aside
                """
        }
    }

    private static let filesShown = 10
}
