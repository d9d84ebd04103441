internal import Foundation
internal import Glibc

/// Something at a path that a program must not take for a file of its own.
package enum FileObstacle: String, Sendable, CaseIterable {
    case fifo, directory, symbolicLink, hardLink, writableByOthers, otherUsers

    /// Those that stand in the way of whoever only reads.
    package static let toReaders: [FileObstacle] = [.fifo, .directory, .symbolicLink]

    /// Only root can give a file away.
    package static var makeable: [FileObstacle] { allCases.filter { $0 != .otherUsers || geteuid() == 0 } }

    /// Makes it of the file that is at `path`, or of an empty one; a link goes to `path` with `.target` behind it.
    package func make(at path: String) throws {
        let files = FileManager.default
        if !files.fileExists(atPath: path) { try Data().write(to: URL(filePath: path)) }
        switch self {
        case .fifo:
            try files.removeItem(atPath: path)
            guard unsafe mkfifo(path, 0o600) == 0 else { throw CocoaError(.fileWriteUnknown) }
        case .directory:
            try files.removeItem(atPath: path)
            try files.createDirectory(atPath: path, withIntermediateDirectories: false)
        case .symbolicLink:
            try files.moveItem(atPath: path, toPath: path + ".target")
            try files.createSymbolicLink(atPath: path, withDestinationPath: path + ".target")
        case .hardLink: try files.linkItem(atPath: path, toPath: path + ".target")
        case .writableByOthers: try files.setAttributes([.posixPermissions: 0o622], ofItemAtPath: path)
        case .otherUsers:
            guard unsafe chown(path, 65_534, 65_534) == 0 else { throw CocoaError(.fileWriteNoPermission) }
        }
    }
}
