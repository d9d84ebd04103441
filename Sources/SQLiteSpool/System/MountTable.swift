/// What `/proc/self/mountinfo` says (proc_pid_mountinfo(5)); empty where there is none.
struct MountTable {
    private let mounts: [(path: String, type: String)]

    init(_ text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            // 36 35 98:0 /root /mount/point options [optional fields …] - type source options
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2, let type = halves[1].split(separator: " ").first else { return nil }
            let fields = halves[0].split(separator: " ")
            return fields.count > 4 ? (Self.unescaped(fields[4]), String(type)) : nil
        }
    }

    /// The type of the file system at an absolute path without symbolic links when it is one of those that reach over a
    /// network, where neither locks nor shared memory nor syncs are to be trusted.
    func networkFileSystem(at path: String) -> String? {
        let holders = mounts.filter { path == $0.path || $0.path == "/" || path.hasPrefix($0.path + "/") }
        // Of two mounts on one place the later hides the earlier.
        let longest = holders.map(\.path.utf8.count).max()
        guard let type = holders.last(where: { $0.path.utf8.count == longest })?.type else { return nil }
        return Self.network.contains(type) ? type : nil
    }

    /// Whether something is mounted on an absolute path itself, such as one file of a container's host.
    func isMountPoint(_ path: String) -> Bool {
        mounts.contains { $0.path == path }
    }

    private static let network: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "gfs", "gfs2", "glusterfs", "gpfs",
        "lustre", "ncpfs", "ocfs2", "beegfs", "virtiofs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone",
        "fuse.glusterfs", "fuse.ceph", "fuse.juicefs", "fuse.blobfuse2",
    ]

    /// A space, tab, newline or backslash is written as three octal digits.
    private static func unescaped(_ field: Substring) -> String {
        [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")].reduce(String(field)) {
            $0.replacing($1.0, with: $1.1)
        }
    }
}
