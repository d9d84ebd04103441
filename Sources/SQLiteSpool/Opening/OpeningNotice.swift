/// A finding about the files beside the spool, made when an owner opens it.
package enum OpeningNotice: Sendable, Equatable {
    /// Files that are named like those of a salvage, and are none that the owner's note names. They are as they were.
    case leftAlone([String], _ reason: String)
    /// A salvage that a dead owner had begun. `damagedFile` is where the damaged file is now.
    case finishedSalvage(damagedFile: String)
    /// The file system keeps nothing over a power cut.
    case forgetfulFileSystem(Mount)
    /// The file system writes what is overwritten to another place, and nothing could be done about it for these files.
    case copiedOnWrite(Mount, [String])

    /// Whether it is about the file system.
    package var isAboutFileSystem: Bool {
        switch self {
        case .leftAlone, .finishedSalvage: false
        case .forgetfulFileSystem, .copiedOnWrite: true
        }
    }

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
        case .forgetfulFileSystem(let mount):
            return "\(mount.forgetting); \(Mount.remedyForForgetting)"
        case .copiedOnWrite(let mount, let files):
            return "\(files.joined(separator: ", ")): \(mount.copyingOnWrite); \(Mount.remedyForCopying)"
        }
    }

    private static let filesShown = 10
}

extension Mount {
    /// What that costs, for the log and for `spoolctl check`.
    var forgetting: String {
        """
        on \(type)\(type == "overlay" ? " mounted with the option volatile" : ""): what is written survives the death of the process \
        (durability processCrash), not a power cut or a restart of the machine
        """
    }

    static let remedyForForgetting = "put the spool on a disk if it must survive those"

    var copyingOnWrite: String {
        """
        on \(type), a copy-on-write file system, without the attribute that has it overwritten in place (FS_NOCOW_FL, chattr +C): when the \
        disk is full the process may be killed by SIGBUS
        """
    }

    static let remedyForCopying =
        "when the spool is drained, stop its writer and remove its files: it makes new ones with the attribute, where the file system has it"
}
