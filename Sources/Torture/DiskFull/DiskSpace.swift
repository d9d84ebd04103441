internal import Glibc
internal import SQLiteSpool

/// The room that a process leaves itself on a small disk.
struct DiskSpace {
    private let kind: SmallDisk.Kind
    private let filling: String
    private let eaten: String
    private let directory: String

    init(_ disk: SmallDisk) {
        directory = disk.directory
        kind = disk.kind
        filling = directory + "/filling"
        eaten = directory + "/eaten"
    }

    /// Leaves so many bytes: on the disk, or to each file.
    func narrow(to bytes: Int) throws {
        guard kind.isFileSystem else {
            signal(SIGXFSZ, SIG_IGN)
            return try setLimit(bytes)
        }
        try remove(filling)
        // What was just removed may become free only now.
        sync()
        let surplus = try SystemFileSystem().availableBytes(at: directory) - bytes
        if surplus > 0 {
            try SystemFileSystem().createPrivateFile(filling)
            let file = try SystemFileSystem().openToReserve(filling)
            defer { file.close() }
            try file.reserve(surplus)
        }
    }

    /// Takes what is left, to the last byte.
    func eatUp() throws {
        guard kind.isFileSystem else { return try setLimit(0) }
        let file = unsafe open(eaten, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        var sizes = Self.sizes[...]
        while let size = sizes.first {
            let zeros = [UInt8](repeating: 0, count: size)
            var pieces = 0
            while pieces < Self.piecesAtMost, unsafe Glibc.write(file, zeros, size) > 0 { pieces += 1 }
            // Room that comes back meanwhile is taken in large pieces again: a byte at a time would take an hour.
            sizes = pieces < Self.piecesAtMost ? sizes.dropFirst() : Self.sizes[...]
        }
    }

    private static let sizes = [1 << 20, 4_096, 1]
    private static let piecesAtMost = 4_096

    /// Gives back what `eatUp` took, and a file size limit altogether.
    func giveBack() throws {
        if kind.isFileSystem { try remove(eaten) } else { try setLimit(nil) }
    }

    /// Gives everything back, also what a process left that died.
    func clear() throws {
        try remove(eaten)
        try remove(filling)
    }

    private func remove(_ path: String) throws {
        try SystemFileSystem().remove(path)
    }

    private func setLimit(_ bytes: Int?) throws {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = bytes.map { rlim_t($0) } ?? limit.rlim_max
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0 else {
            throw FileSystemFailure(errno: errno, action: "limit the size of files")
        }
    }
}
