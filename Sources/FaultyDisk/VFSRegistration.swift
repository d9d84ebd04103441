internal import CSQLite
internal import Glibc

/// A VFS of SQLite's that asks a ``DiskModel`` before each call to the one below it.
///
/// Safe because every pointer is made here and freed in `deinit`, after the VFS was unregistered; SQLite uses them only
/// through connections that the disk's owner closes before.
@safe
struct VFSRegistration: ~Copyable {
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>
    private let name: UnsafeMutablePointer<CChar>
    private let context: Unmanaged<VFSContext>

    init(name: String, _ model: DiskModel) {
        let below = unsafe sqlite3_vfs_find(nil)
        let context = unsafe Unmanaged.passRetained(VFSContext(model, below: below))
        unsafe self.context = context
        unsafe self.name = strdup(name)
        unsafe vfs = .allocate(capacity: 1)
        unsafe vfs.initialize(to: Self.methods(below))
        unsafe vfs.pointee.zName = UnsafePointer(self.name)
        unsafe vfs.pointee.pAppData = context.toOpaque()
        unsafe sqlite3_vfs_register(vfs, 0)
    }

    deinit {
        unsafe sqlite3_vfs_unregister(vfs)
        unsafe vfs.deallocate()
        unsafe free(name)
        unsafe context.release()
    }

    private static func methods(_ below: UnsafeMutablePointer<sqlite3_vfs>?) -> sqlite3_vfs {
        var vfs = unsafe sqlite3_vfs()
        unsafe vfs.iVersion = 2
        unsafe vfs.szOsFile = Int32(FaultyFile.innerOffset) + (below?.pointee.szOsFile ?? 0)
        unsafe vfs.mxPathname = below?.pointee.mxPathname ?? 512
        unsafe vfs.xOpen = { unsafe VFSContext.of($0).open($1, $2, $3, $4) }
        unsafe vfs.xDelete = { unsafe VFSContext.of($0).delete($1, syncDirectory: $2) }
        unsafe vfs.xAccess = { unsafe VFSContext.of($0).access($1, $2, $3) }
        unsafe vfs.xSleep = { unsafe VFSContext.of($0).sleep(microseconds: $1) }
        unsafe vfs.xFullPathname = { vfs, path, size, result in
            unsafe VFSContext.below(vfs) { unsafe $0.pointee.xFullPathname?($0, path, size, result) } ?? SQLITE_CANTOPEN
        }
        unsafe vfs.xRandomness = { vfs, size, bytes in
            unsafe VFSContext.below(vfs) { unsafe $0.pointee.xRandomness?($0, size, bytes) } ?? 0
        }
        unsafe vfs.xCurrentTime = { vfs, time in
            unsafe VFSContext.below(vfs) { unsafe $0.pointee.xCurrentTime?($0, time) } ?? SQLITE_ERROR
        }
        unsafe vfs.xCurrentTimeInt64 = { vfs, time in
            unsafe VFSContext.below(vfs) { unsafe $0.pointee.xCurrentTimeInt64?($0, time) } ?? SQLITE_ERROR
        }
        unsafe vfs.xGetLastError = { vfs, size, text in
            unsafe VFSContext.below(vfs) { unsafe $0.pointee.xGetLastError?($0, size, text) } ?? 0
        }
        return unsafe vfs
    }
}
