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
/// Reading asks for less, so that root can look at the spool of another user.
package enum FileRule: CaseIterable, Sendable {
    /// It could point anywhere.
    case noSymbolicLink
    /// A FIFO blocks whoever opens it, and a device acts when it is opened.
    case regularFile
    /// Another user could change it at any time.
    case owner
    case writableByOwnerOnly
    /// Through a hard link, a write changes a file of another name.
    case oneName
    /// An operator may want a group to read it, so only `spoolctl check` names it.
    case readableByOwnerOnly
}

/// The rules that hold for one use of a file.
package struct FileRules: Sendable {
    private let rules: [FileRule]
    private let isSpool: Bool
    private var writes = false
    /// The user that it must belong to, and whose user that is.
    private let user: (id: UInt32, words: String)

    /// For each file that this process writes.
    ///
    /// - Parameter isSpool: whether it is the spool itself, and not one beside it.
    static func writing(isSpool: Bool = false) -> FileRules {
        let user = geteuid()
        let rules = FileRule.allCases.filter { $0 != .readableByOwnerOnly }
        return FileRules(
            rules: rules,
            isSpool: isSpool,
            writes: true,
            user: (user, "this process runs as user \(user)")
        )
    }

    /// What a shell takes for all files of the spool that this file is of: who restored one as root restored all.
    private static func allFiles(of path: String) -> String {
        (SpoolFileNames.beside.first { path.hasSuffix($0) }.map { String(path.dropLast($0.count)) } ?? path) + "*"
    }

    /// For a spool that is only read.
    static let reading = FileRules(rules: [.noSymbolicLink, .regularFile], isSpool: true, user: (0, ""))

    /// For the files beside a spool that is only read. SQLite writes to the `-shm` file even then.
    static func reading(beside spool: FileStatus) -> FileRules {
        FileRules([.noSymbolicLink, .regularFile, .owner, .oneName], isSpool: false, of: spool)
    }

    /// For whoever is told of each breach.
    ///
    /// - Parameter spool: the spool's own status, which says whose all its files must be.
    static func all(isSpool: Bool, spool: FileStatus) -> FileRules {
        FileRules(FileRule.allCases, isSpool: isSpool, of: spool)
    }

    /// The first rule that a file breaks; nil when it keeps them all.
    func breach(by status: FileStatus, at path: String) -> FileBreach? {
        breaches(by: status, at: path).first
    }

    /// The rules that a file breaks. What is no regular file is not looked at any further.
    func breaches(by status: FileStatus, at path: String) -> [FileBreach] {
        let breaches = rules.filter { !keeps($0, status) }.map { breach(of: $0, status, path) }
        return status.isRegularFile ? breaches : Array(breaches.prefix(1))
    }

    private func keeps(_ rule: FileRule, _ status: FileStatus) -> Bool {
        switch rule {
        case .noSymbolicLink: !status.isSymbolicLink
        case .regularFile: status.isRegularFile
        case .owner: status.owner == user.id
        case .writableByOwnerOnly: status.permissions & 0o022 == 0
        case .oneName: status.names == 1
        // Who may write to it is told that already.
        case .readableByOwnerOnly: status.permissions & 0o044 == 0 || status.permissions & 0o022 != 0
        }
    }

    private func breach(of rule: FileRule, _ status: FileStatus, _ path: String) -> FileBreach {
        let moveAway = "make sure that no process uses the spool, and move it away"
        switch rule {
        case .noSymbolicLink:
            return FileBreach("\(path) is a symbolic link", isSpool ? "give the path of the file itself" : moveAway)
        case .regularFile:
            let remedy = isSpool ? "choose the path of a file, like \(path)/a.spool" : moveAway
            return FileBreach("\(path) is no regular file", remedy)
        case .owner:
            let detail = "\(path) belongs to user \(status.owner), and \(user.words)"
            // Given to root, it would be refused to the program whose spool it is.
            if writes, user.id == 0 {
                return FileBreach(detail, "run this as that user, for example with: sudo -u '#\(status.owner)'")
            }
            return FileBreach(
                detail,
                "if you trust what is in it, run: chown \(user.id) \(writes ? Self.allFiles(of: path) : path)"
            )
        case .writableByOwnerOnly:
            let mode = String(status.permissions, radix: 8)
            return FileBreach("\(path) may be written by others (mode \(mode))", "run: chmod 600 \(path)")
        case .oneName:
            return FileBreach(
                "\(path) has \(status.names) names (hard links)",
                "remove the others; to find them, run: find / -xdev -samefile \(path)"
            )
        case .readableByOwnerOnly:
            let mode = String(status.permissions, radix: 8)
            return FileBreach("\(path) may be read by others (mode \(mode))", "run: chmod 600 \(path)")
        }
    }
}

extension FileRules {
    private init(_ rules: [FileRule], isSpool: Bool, of spool: FileStatus) {
        self.init(rules: rules, isSpool: isSpool, user: (spool.owner, "the spool belongs to user \(spool.owner)"))
    }
}

/// A rule that a file breaks, in words.
package struct FileBreach: Sendable, Equatable {
    /// What is wrong, and with which file.
    let detail: String
    /// What to do about it.
    let remedy: String

    init(_ detail: String, _ remedy: String) {
        self.detail = detail
        self.remedy = remedy
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
