internal import Foundation
internal import Glibc

/// The absolute path of a file that may not exist yet, its directory's symbolic links resolved: what
/// `SQLITE_OPEN_NOFOLLOW` asks for, without refusing directories that are reached through a link. The file's own name
/// is left as it is.
///
/// - Throws: ``SpoolError`` with code `refused` when the directory does not exist.
package func absolutePath(ofFile path: String) throws(SpoolError) -> String {
    guard !path.isEmpty, !path.hasSuffix("/") else {
        throw SpoolError(.refused, "\"\(path)\" is not the path of a file")
    }
    let file = URL(filePath: path)
    let directory = file.deletingLastPathComponent().path(percentEncoded: false)
    guard let resolved = unsafe realpath(directory, nil) else {
        throw SpoolError(FileSystemFailure(errno: errno, action: "find the directory \(directory)"))
    }
    defer { unsafe free(resolved) }
    let real = unsafe String(cString: resolved)
    return (real == "/" ? "" : real) + "/" + file.lastPathComponent
}

/// The directory of an absolute path, with the slash behind it.
func directory(ofFile path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? "/"
}
