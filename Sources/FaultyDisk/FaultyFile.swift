internal import CSQLite

/// A `sqlite3_file` of ours in memory: this, and behind it the file of the VFS below.
///
/// Safe because SQLite calls the methods only with files that ``fill(_:_:_:)`` prepared, and never after `xClose`.
@safe
struct FaultyFile {
    private var base: sqlite3_file
    private var open: Unmanaged<OpenFile>

    /// A multiple of every alignment that the inner file may need.
    static let innerOffset = 32

    static func inner(of file: UnsafeMutablePointer<sqlite3_file>) -> UnsafeMutablePointer<sqlite3_file> {
        unsafe UnsafeMutableRawPointer(file).advanced(by: innerOffset).assumingMemoryBound(to: sqlite3_file.self)
    }

    static func fill(
        _ file: UnsafeMutablePointer<sqlite3_file>,
        _ methods: UnsafePointer<sqlite3_io_methods>,
        _ open: OpenFile
    ) {
        let new = unsafe FaultyFile(base: sqlite3_file(pMethods: methods), open: Unmanaged.passRetained(open))
        unsafe UnsafeMutableRawPointer(file).assumingMemoryBound(to: FaultyFile.self).initialize(to: new)
    }

    /// The files of both layers, and the methods of the lower one.
    @safe
    private struct Layers {
        let open: OpenFile
        let inner: UnsafeMutablePointer<sqlite3_file>
        let below: sqlite3_io_methods

        init(_ file: UnsafeMutablePointer<sqlite3_file>?) {
            guard let file = unsafe file, let methods = unsafe FaultyFile.inner(of: file).pointee.pMethods else {
                fatalError("a file that is not open")
            }
            unsafe inner = FaultyFile.inner(of: file)
            unsafe below = methods.pointee
            unsafe open = UnsafeMutableRawPointer(file).assumingMemoryBound(to: FaultyFile.self).pointee.open
                .takeUnretainedValue()
        }
    }

    private static func close(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        let layers = unsafe Layers(file)
        unsafe Unmanaged.passUnretained(layers.open).release()
        return unsafe layers.below.xClose?(layers.inner) ?? SQLITE_IOERR_CLOSE
    }

    private static func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ bytes: UnsafeRawPointer?,
        _ count: Int32,
        _ offset: Int64
    ) -> Int32 {
        let layers = unsafe Layers(file)
        let copy = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(count)))
        let failure = layers.open.write(copy, at: Int(offset))
        let written: Int32
        let code: Int32
        switch failure {
        case nil: (written, code) = (count, SQLITE_OK)
        case .fault(.shortWrite): (written, code) = (count / 2, SQLITE_FULL)
        case .fault(.noSpace): return SQLITE_FULL
        default: return SQLITE_IOERR_WRITE
        }
        let result = unsafe layers.below.xWrite?(layers.inner, bytes, written, offset) ?? SQLITE_IOERR_WRITE
        return result == SQLITE_OK ? code : result
    }

    private static func shmLock(
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ offset: Int32,
        _ count: Int32,
        _ flags: Int32
    ) -> Int32 {
        let layers = unsafe Layers(file)
        // Letting go of a lock does not fail.
        if flags & SQLITE_SHM_LOCK != 0, let failure = layers.open.begin(.shmLock) {
            return failure.isHeldLock ? SQLITE_BUSY : SQLITE_IOERR_SHMLOCK
        }
        return unsafe layers.below.xShmLock?(layers.inner, offset, count, flags) ?? SQLITE_IOERR_SHMLOCK
    }

    static var methods: sqlite3_io_methods {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        unsafe methods.xClose = { unsafe FaultyFile.close($0) }
        unsafe methods.xWrite = { unsafe FaultyFile.write($0, $1, $2, $3) }
        unsafe methods.xRead = { file, bytes, count, offset in
            let layers = unsafe Layers(file)
            if layers.open.begin(.read) != nil { return SQLITE_IOERR_READ }
            return unsafe layers.below.xRead?(layers.inner, bytes, count, offset) ?? SQLITE_IOERR_READ
        }
        unsafe methods.xTruncate = { file, size in
            let layers = unsafe Layers(file)
            if layers.open.truncate(to: Int(size)) != nil { return SQLITE_IOERR_TRUNCATE }
            return unsafe layers.below.xTruncate?(layers.inner, size) ?? SQLITE_IOERR_TRUNCATE
        }
        // Nothing is synced in truth: what counts is in the disk's model.
        unsafe methods.xSync = { file, _ in
            unsafe Layers(file).open.sync() == nil ? SQLITE_OK : SQLITE_IOERR_FSYNC
        }
        unsafe methods.xFileSize = { file, size in
            let layers = unsafe Layers(file)
            if layers.open.begin(.fileSize) != nil { return SQLITE_IOERR_FSTAT }
            return unsafe layers.below.xFileSize?(layers.inner, size) ?? SQLITE_IOERR_FSTAT
        }
        setLockMethods(of: &methods)
        setOtherMethods(of: &methods)
        return methods
    }

    private static func setLockMethods(of methods: inout sqlite3_io_methods) {
        unsafe methods.xLock = { file, level in
            let layers = unsafe Layers(file)
            if let failure = layers.open.begin(.lock) { return failure.isHeldLock ? SQLITE_BUSY : SQLITE_IOERR_LOCK }
            return unsafe layers.below.xLock?(layers.inner, level) ?? SQLITE_IOERR_LOCK
        }
        unsafe methods.xUnlock = { file, level in
            let layers = unsafe Layers(file)
            return unsafe layers.below.xUnlock?(layers.inner, level) ?? SQLITE_IOERR_UNLOCK
        }
        unsafe methods.xCheckReservedLock = { file, result in
            let layers = unsafe Layers(file)
            if layers.open.begin(.checkReservedLock) != nil { return SQLITE_IOERR_CHECKRESERVEDLOCK }
            return unsafe layers.below.xCheckReservedLock?(layers.inner, result) ?? SQLITE_IOERR_CHECKRESERVEDLOCK
        }
        unsafe methods.xShmMap = { file, page, size, extends, result in
            let layers = unsafe Layers(file)
            if layers.open.begin(.shmMap) != nil { return SQLITE_IOERR_SHMMAP }
            return unsafe layers.below.xShmMap?(layers.inner, page, size, extends, result) ?? SQLITE_IOERR_SHMMAP
        }
        unsafe methods.xShmLock = { unsafe FaultyFile.shmLock($0, $1, $2, $3) }
        unsafe methods.xShmBarrier = { file in
            let layers = unsafe Layers(file)
            unsafe layers.below.xShmBarrier?(layers.inner)
        }
        unsafe methods.xShmUnmap = { file, deletes in
            let layers = unsafe Layers(file)
            return unsafe layers.below.xShmUnmap?(layers.inner, deletes) ?? SQLITE_OK
        }
    }

    private static func setOtherMethods(of methods: inout sqlite3_io_methods) {
        unsafe methods.xFileControl = { file, operation, argument in
            let layers = unsafe Layers(file)
            return unsafe layers.below.xFileControl?(layers.inner, operation, argument) ?? SQLITE_NOTFOUND
        }
        unsafe methods.xSectorSize = { _ in Int32(StoredFile.Change.sectorBytes) }
        // Bytes beside a write stay as they are, as SQLite's own VFS promises too; and nothing more is promised.
        unsafe methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    }
}

extension DiskFailure {
    fileprivate var isHeldLock: Bool {
        if case .fault(.lock) = self { true } else { false }
    }
}
