internal import CSQLite

/// What the VFS methods find behind `pAppData`.
///
/// Safe because SQLite passes valid pointers, used within the call only, and the VFS below is never unregistered.
@safe
final class VFSContext {
    private let model: DiskModel
    private let below: UnsafeMutablePointer<sqlite3_vfs>?
    private let methods: UnsafeMutablePointer<sqlite3_io_methods>

    init(_ model: DiskModel, below: UnsafeMutablePointer<sqlite3_vfs>?) {
        self.model = model
        unsafe self.below = unsafe below
        unsafe methods = .allocate(capacity: 1)
        unsafe methods.initialize(to: FaultyFile.methods)
    }

    deinit {
        unsafe methods.deallocate()
    }

    /// The trap is reached only if SQLite passed a VFS that is not ours.
    static func of(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> VFSContext {
        guard let context = unsafe vfs?.pointee.pAppData else { fatalError("a VFS without its disk") }
        return unsafe Unmanaged<VFSContext>.fromOpaque(context).takeUnretainedValue()
    }

    static func below(
        _ vfs: UnsafeMutablePointer<sqlite3_vfs>?,
        _ call: (UnsafeMutablePointer<sqlite3_vfs>) -> Int32?
    ) -> Int32? {
        unsafe of(vfs).below.flatMap { unsafe call($0) }
    }

    func open(
        _ path: UnsafePointer<CChar>?,
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ flags: Int32,
        _ flagsOut: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let file = unsafe file, let below = unsafe below else { return SQLITE_CANTOPEN }
        // Without methods SQLite does not close what was not opened.
        unsafe file.pointee.pMethods = nil
        let name = unsafe path.flatMap { unsafe model.name(of: String(cString: $0)) }
        if let name {
            let creates = flags & SQLITE_OPEN_CREATE != 0 && model.file(named: name) == nil
            if model.begin(.open, creates ? .create(name: name) : .nothing) != nil { return SQLITE_CANTOPEN }
        }
        let inner = unsafe FaultyFile.inner(of: file)
        let code = unsafe below.pointee.xOpen?(below, path, inner, flags, flagsOut) ?? SQLITE_CANTOPEN
        guard code == SQLITE_OK else { return code }
        // As SQLite's own VFS: a new journal or WAL has its name synced together with its first content.
        let journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL
        let open = OpenFile(
            model,
            file: name.flatMap { model.file(named: $0) },
            syncsDirectory: flags & SQLITE_OPEN_CREATE != 0 && flags & journals != 0
        )
        unsafe FaultyFile.fill(file, methods, open)
        return SQLITE_OK
    }

    func delete(_ path: UnsafePointer<CChar>?, syncDirectory: Int32) -> Int32 {
        guard let path = unsafe path, let below = unsafe below else { return SQLITE_IOERR_DELETE }
        let name = unsafe model.name(of: String(cString: path))
        let isThere = name.map { model.file(named: $0) != nil } ?? false
        if let name, model.begin(.delete, isThere ? .remove(name: name) : .nothing) != nil {
            return SQLITE_IOERR_DELETE
        }
        let code = unsafe below.pointee.xDelete?(below, path, 0) ?? SQLITE_IOERR_DELETE
        if code == SQLITE_OK, isThere, syncDirectory != 0, model.begin(.syncDirectory, .syncDirectory) != nil {
            return SQLITE_IOERR_DIR_FSYNC
        }
        return code
    }

    func access(_ path: UnsafePointer<CChar>?, _ flags: Int32, _ result: UnsafeMutablePointer<Int32>?) -> Int32 {
        if model.begin(.access) != nil { return SQLITE_IOERR_ACCESS }
        return unsafe below.flatMap { unsafe $0.pointee.xAccess?($0, path, flags, result) } ?? SQLITE_IOERR_ACCESS
    }

    /// Time flies while a fault holds a lock: SQLite counts how long it asked to sleep.
    func sleep(microseconds: Int32) -> Int32 {
        if model.feignsLocks { return microseconds }
        return unsafe below.flatMap { unsafe $0.pointee.xSleep?($0, microseconds) } ?? 0
    }
}
