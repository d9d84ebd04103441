internal import CSQLite
internal import Glibc

/// Why the spool refused or failed.
package struct SpoolError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The spool was closed.
        case closed
        /// There is no room: by the limits, or on the disk. Nothing was stored; what was before is kept, and space may
        /// come back.
        case full
        /// Another program kept a write transaction open on the file. Nothing was stored; trying again may work.
        case busy
        /// Another process, or another writer of this one, owns the spool.
        case inUse
        /// The path or the file at it is not one that this spool may use. It was left as it was.
        case refused
        /// SQLite or the disk failed. What was acknowledged is kept; nothing more is until the file was opened anew and
        /// verified, which is tried again and again.
        case failed
        /// What was read cannot be what was written. The file is set aside, and what is readable of it goes on in a new one: by its
        /// owner while it runs, or by the next one.
        case damaged
        /// What was asked for is not what it was: damaged records were set aside, or all was salvaged. Ask for ``Spool/batches``.
        case changed
    }

    package let code: Code

    /// What happened, where, and what to do about it.
    package let message: String

    package let cause: SQLiteError?

    package init(_ code: Code, _ message: String, cause: SQLiteError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}

extension SpoolError {
    /// What a failed call into SQLite means for the spool.
    init(_ error: SQLiteError) {
        let (code, message): (Code, String) =
            switch error.primaryCode {
            case SQLITE_FULL: (.full, "no room on the disk of the spool; nothing was stored, free some space")
            case SQLITE_BUSY: (.busy, "another program writes to the spool; nothing was stored, use sqlite3 -readonly")
            case SQLITE_CORRUPT, SQLITE_NOTADB:
                (.damaged, "the spool's file is damaged; its owner sets it aside and salvages what is readable")
            case SQLITE_INTERRUPT: (.failed, "reading the spool took too long and was ended; nothing in it was changed")
            default: (.failed, "the spool failed; records not acknowledged are not stored")
            }
        self.init(code, message, cause: error)
    }

    /// - Parameters:
    ///   - limits: those that hold at the moment.
    ///   - configured: those that were asked for.
    init(full limits: SpoolLimits, configured: SpoolLimits, bytesInUse: Int, records: Int) {
        let disk = limits.maxBytes < configured.maxBytes ? "; the disk has room for \(limits.maxBytes) only" : ""
        let maxRecords = configured.maxRecords.map { " of at most \($0)" } ?? ""
        self.init(
            .full,
            """
            the spool is full: it has \(bytesInUse) bytes of at most \(configured.maxBytes)\(disk), and \(records) \
            records\(maxRecords) that are not delivered yet; nothing was stored
            """
        )
    }

    /// More at once than the spool may ever hold.
    init(tooMuch records: Int, bytes: Int, for limits: SpoolLimits) {
        let maxRecords = limits.maxRecords.map { " and \($0) records" } ?? ""
        self.init(
            .full,
            """
            \(records) records of \(bytes) bytes at once are more than the spool may ever hold, \(limits.maxBytes) \
            bytes\(maxRecords); nothing was stored, write fewer at once
            """
        )
    }

    /// The disk, or what this process may use of it.
    init(fullDisk disk: DiskRoom, _ usage: SpoolUsage, cause: SQLiteError? = nil) {
        let free = disk.availableBytes.map { "\($0) bytes" } ?? "unknown"
        let reason = disk.failure.map { " (\($0))" } ?? ""
        self.init(
            .full,
            """
            there is no room on the disk of the spool\(reason): free are \(free), its WAL needs up to \(disk.walBytes), the \
            spool has \(usage.bytesInUse) bytes; nothing was stored, free some space
            """,
            cause: cause
        )
    }

    /// - Parameters:
    ///   - name: the one that does not lead to the open file any more.
    ///   - cause: why what the open files hold could not be written elsewhere.
    init(displaced name: String, _ cause: SpoolError? = nil) {
        self.init(
            .failed,
            """
            \(name) was removed, moved or replaced while the spool was open; nothing was acknowledged since. Do not stop the \
            writer: its records are only in its open files\(cause.map { ". Writing them to a new file failed: \($0)" } ?? "")
            """
        )
    }

    /// What a failed call to the operating system means for the spool.
    init(_ failure: FileSystemFailure) {
        let code: Code =
            switch failure.errno {
            case _ where failure.isFullDisk: .full
            case EIO, EMFILE, ENFILE, ENOMEM: .failed
            default: .refused
            }
        let advice =
            switch failure.errno {
            case ENOENT: "; make the directory first, or choose another path"
            case EACCES, EPERM, EROFS: "; choose a directory that this process may write to"
            default: ""
            }
        self.init(code, failure.message + advice)
    }

    /// Whether the spool can go on as if nothing had happened.
    package var isPassing: Bool { code == .full || code == .busy }

    /// Runs `body` and turns what it throws into a `SpoolError`.
    static func wrapping<Value: ~Copyable>(_ body: () throws -> Value) throws(SpoolError) -> Value {
        do {
            return try body()
        } catch let error as SpoolError {
            throw error
        } catch let error as SQLiteError {
            throw SpoolError(error)
        } catch let error as FileSystemFailure {
            throw SpoolError(error)
        } catch {
            throw SpoolError(.failed, "\(error)")
        }
    }
}
