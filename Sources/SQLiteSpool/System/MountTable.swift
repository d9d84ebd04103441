/// What `/proc/self/mountinfo` says (proc_pid_mountinfo(5)); empty where there is none.
struct MountTable {
    private let mounts: [(path: String, mount: Mount)]

    init(_ text: String) {
        mounts = text.split(separator: "\n").compactMap { line in
            // 36 35 98:0 /root /mount/point options [optional fields …] - type source options
            let halves = line.split(separator: " - ", maxSplits: 1)
            guard halves.count == 2 else { return nil }
            let (fields, system) = (halves[0].split(separator: " "), halves[1].split(separator: " "))
            guard fields.count > 4, let type = system.first else { return nil }
            let options = system.dropFirst().last?.split(separator: ",").map(String.init) ?? []
            let path = Self.unescaped(fields[4])
            return (path, Mount(type: String(type), options: options, path: path))
        }
    }

    /// The file system at an absolute path without symbolic links.
    func mount(of path: String) -> Mount? {
        let holders = mounts.filter { path == $0.path || $0.path == "/" || path.hasPrefix($0.path + "/") }
        // Of two mounts on one place the later hides the earlier.
        let longest = holders.map(\.path.utf8.count).max()
        return holders.last { $0.path.utf8.count == longest }?.mount
    }

    /// A space, tab, newline or backslash is written as three octal digits.
    private static func unescaped(_ field: Substring) -> String {
        [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")].reduce(String(field)) {
            $0.replacing($1.0, with: $1.1)
        }
    }
}

/// A mounted file system, as far as it decides what may be promised.
package struct Mount: Sendable, Equatable {
    /// As Linux names it, for example `ext4`.
    package let type: String
    /// Those of the file system itself.
    private let options: [String]
    /// Where it is mounted: a directory, or one file of a container's host.
    let path: String

    package init(type: String, options: [String] = [], path: String = "/") {
        self.type = type
        self.options = options
        self.path = path
    }

    /// Whether it reaches over a network or to the host of a virtual machine, where neither locks nor shared memory nor syncs
    /// are to be trusted.
    package var isNetwork: Bool { Self.network.contains(type) }

    /// Whether a sync is no promise: its files are in memory, or it was told to ignore syncs
    /// (https://docs.kernel.org/filesystems/overlayfs.html#volatile-mount).
    package var forgets: Bool {
        // The option `volatile` is shown in the second way by newer kernels.
        ["tmpfs", "ramfs"].contains(type)
            || type == "overlay" && !Set(options).isDisjoint(with: ["volatile", "fsync=volatile"])
    }

    /// Whether it writes overwritten blocks to another place by default: then a full disk refuses to overwrite, too.
    package var copiesOnWrite: Bool { ["btrfs", "bcachefs", "zfs", "nilfs2"].contains(type) }

    private static let network: Set<String> = [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "davfs", "fakeowner", "fuse.davfs", "gfs",
        "gfs2",
        "glusterfs", "gpfs", "grpcfuse", "fuse.grpcfuse", "lustre", "ncpfs", "ocfs2", "beegfs", "prl_fs", "vboxsf",
        "virtiofs",
        "vmhgfs", "fuse.vmhgfs-fuse", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.glusterfs",
        "fuse.ceph",
        "fuse.juicefs", "fuse.blobfuse2",
    ]
}
