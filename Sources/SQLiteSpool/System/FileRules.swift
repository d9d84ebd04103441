internal import Glibc

/// What a file must be to be taken for one of a spool's. This is the one list: for the spool, `-wal`, `-shm`, `-journal`,
/// `.lock`, the drafts of a salvage and what it makes, in a writer and in every command of spoolctl.
///
/// |                                          | written | the spool, read | beside the spool, read | checked         |
/// |------------------------------------------|---------|-----------------|------------------------|-----------------|
/// | it is no symbolic link                   | yes     | yes             | yes                    | yes             |
/// | it is a regular file                     | yes     | yes             | yes                    | yes             |
/// | its owner is this process's user         | yes     | no              | it is the spool's user | the spool's     |
/// | neither its group nor others may write   | yes     | no              | no                     | yes             |
/// | it has one name                          | yes     | no              | yes                    | yes             |
/// | neither its group nor others may read    | no      | no              | no                     | yes             |
///
/// A link could point anywhere; a FIFO blocks whoever opens it, and a device acts; what is written through a hard link changes a file
/// of another name. Reading asks for less, so that root can look at the spool of another user. An operator may want a group to read
/// it, so only `spoolctl check` names that.
struct FileRules {
    private enum Use {
        case writing, reading, readingBeside, checking
    }

    private let use: Use
    /// Whether it is the spool itself, and not a file beside it.
    private let isSpool: Bool
    /// That it must belong to.
    private let user: UInt32

    /// For each file that this process writes.
    static func writing(isSpool: Bool = false) -> FileRules {
        FileRules(use: .writing, isSpool: isSpool, user: geteuid())
    }

    /// For a spool that is only read.
    static let reading = FileRules(use: .reading, isSpool: true, user: 0)

    /// For the files beside a spool that is only read. SQLite writes to the `-shm` file even then.
    static func reading(beside spool: FileStatus) -> FileRules {
        FileRules(use: .readingBeside, isSpool: false, user: spool.owner)
    }

    /// For a caller that wants to know each breach.
    ///
    /// - Parameter spool: the spool's own status, which says whose all its files must be.
    static func all(isSpool: Bool, spool: FileStatus) -> FileRules {
        FileRules(use: .checking, isSpool: isSpool, user: spool.owner)
    }

    /// The first rule that a file breaks; nil when it keeps them all.
    func breach(by status: FileStatus, at path: String) -> FileBreach? { breaches(by: status, at: path).first }

    /// The rules that a file breaks. What is no regular file is not looked at any further.
    func breaches(by status: FileStatus, at path: String) -> [FileBreach] {
        let moveAway = "make sure that no process uses the spool, and move it away"
        if status.isSymbolicLink {
            return [FileBreach("\(path) is a symbolic link", isSpool ? "give the path of the file itself" : moveAway)]
        }
        guard status.isRegularFile else {
            let remedy = isSpool ? "choose the path of a file, like \(path)/a.spool" : moveAway
            return [FileBreach("\(path) is no regular file", remedy)]
        }
        if use == .reading { return [] }
        var breaches: [FileBreach] = []
        if status.owner != user { breaches.append(breachOfOwner(status.owner, path)) }
        let mode = String(status.permissions, radix: 8)
        let isWritable = status.permissions & 0o022 != 0
        if isWritable, use != .readingBeside {
            breaches.append(FileBreach("\(path) may be written by others (mode \(mode))", "run: chmod 600 \(path)"))
        }
        if status.names != 1 {
            breaches.append(
                FileBreach(
                    "\(path) has \(status.names) names (hard links)",
                    "remove the others; to find them, run: find / -xdev -samefile \(path)"
                )
            )
        }
        // Who may write to it is told that already.
        if use == .checking, !isWritable, status.permissions & 0o044 != 0 {
            breaches.append(FileBreach("\(path) may be read by others (mode \(mode))", "run: chmod 600 \(path)"))
        }
        return breaches
    }

    private func breachOfOwner(_ owner: UInt32, _ path: String) -> FileBreach {
        let whose = use == .writing ? "this process runs as user \(user)" : "the spool belongs to user \(user)"
        let detail = "\(path) belongs to user \(owner), and \(whose)"
        // Given to root, it would be refused to the program whose spool it is.
        if use == .writing, user == 0 {
            return FileBreach(detail, "run this as that user, for example with: sudo -u '#\(owner)'")
        }
        // A shell takes this for all files of the spool: who restored one as root restored all.
        let suffix = SpoolFileNames.beside.first { path.hasSuffix($0) } ?? ""
        let files = use == .writing ? "\(path.dropLast(suffix.count))*" : path
        return FileBreach(detail, "if you trust what is in it, run: chown \(user) \(files)")
    }
}

/// A rule that a file breaks, in words.
package struct FileBreach: Sendable, Equatable {
    /// What is wrong, and with which file.
    let detail: String
    /// What to do about it.
    let remedy: String

    init(_ detail: String, _ remedy: String) {
        (self.detail, self.remedy) = (detail, remedy)
    }

    var message: String { "\(detail); \(remedy)" }
}

extension FileSystem {
    /// Tells a directory that this process may not write to from files of another user.
    ///
    /// - Parameter path: of a file in it, existing or not.
    /// - Throws: ``SpoolError`` with code `refused`.
    func checkDirectory(ofFile path: String) throws(SpoolError) {
        let directory = directory(ofFile: path)
        guard unsafe faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0, errno == EACCES else { return }
        let user = geteuid()
        var status = stat()
        let owner = unsafe lstat(directory, &status) == 0 ? ", which belongs to user \(status.st_uid)" : ""
        let mode = String(status.st_mode & 0o7777, radix: 8)
        throw SpoolError(
            .refused,
            """
            this process runs as user \(user), and may not write to the directory \(directory)\(owner) (mode \(mode)); SQLite makes files \
            beside the spool. Run: chown \(user) \(directory), or choose another directory
            """
        )
    }

    /// - Throws: ``SpoolError`` with code `refused` when there is a file and it breaks a rule.
    func check(_ path: String, _ rules: FileRules) throws {
        guard let status = try status(of: path), let breach = rules.breach(by: status, at: path) else { return }
        throw SpoolError(.refused, breach.message)
    }
}
