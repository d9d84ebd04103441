/// A finding about the files beside the spool, made when an owner opens it.
package enum OpeningNotice: Sendable, Equatable {
    /// Files that are named like those of a salvage, and are none that the owner's note names. They are as they were.
    case leftAlone([String], _ reason: String)
    /// What is promised elsewhere, and not by the spool's file system.
    case fileSystem(_ words: String)

    /// What happened, and what to do.
    package var message: String {
        switch self {
        case .leftAlone(let files, let reason):
            let shown = files.prefix(Self.filesShown).joined(separator: ", ")
            let more = files.count > Self.filesShown ? " and \(files.count - Self.filesShown) more" : ""
            return """
                left alone \(shown)\(more): named like a salvage, but \(reason). If you do not need it, move it away
                """
        case .fileSystem(let words): return words
        }
    }

    private static let filesShown = 10
}

extension Mount {
    /// What follows from `forgets`.
    var forgetting: String {
        """
        on \(type): what is written survives the death of the process (durability processCrash), not a power cut or a restart of the \
        machine; put the spool on a disk if it must survive those
        """
    }

    /// What follows from `copiesOnWrite`, and what to do about it.
    var copying: (detail: String, remedy: String) {
        (
            "copied on write (\(type)), without FS_NOCOW_FL (chattr +C): a full disk may kill the process by SIGBUS",
            "once the spool is drained, stop its writer and remove the files: it makes new ones, with the attribute if there is one here"
        )
    }
}
