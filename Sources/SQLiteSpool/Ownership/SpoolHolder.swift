internal import Foundation
internal import Glibc

/// Who holds a spool, in its own words: the lines of `<spool>.lock` behind the salvage's. Written when the lock is taken.
///
/// A process id alone means nothing in another pid namespace, such as another container's.
package struct SpoolHolder: Sendable, Equatable {
    package var process: Int32
    /// The name of the machine or container.
    package var host: String
    /// The inode of its pid namespace; `-` where the system has none.
    var namespace: String
    /// When it took the lock, as `2026-11-23T10:15:00Z`.
    package var since: String

    private static let hostWidth = 64
    private static let namespaceWidth = 10
    private static let sinceWidth = 20

    static func current(_ now: WallInstant) -> SpoolHolder {
        var name = [CChar](repeating: 0, count: hostWidth + 1)
        let hasName = unsafe gethostname(&name, hostWidth) == 0
        let host = hasName ? name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } : []
        return SpoolHolder(
            process: getpid(),
            host: host.isEmpty ? "-" : String(decoding: host, as: UTF8.self).replacing(" ", with: "-"),
            namespace: currentNamespace,
            since: Date(timeIntervalSince1970: Double(now.milliseconds / 1_000)).formatted(.iso8601)
        )
    }

    private static var currentNamespace: String {
        // pid:[4026531836]
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        let digits = link?.filter { $0.isASCII && $0.isNumber } ?? ""
        return digits.isEmpty ? "-" : digits
    }

    /// Whether its process id means something to this process.
    var isNear: Bool {
        let current = Self.current(WallInstant(milliseconds: 0))
        return host == current.host && namespace == current.namespace
    }

    /// For example: process 1 of another container or machine (host 3fe2a1c0), since 2026-11-23T10:15:00Z
    package var words: String {
        "process \(process)" + (isNear ? "" : " of another container or machine (host \(host))") + ", since \(since)"
    }

    /// Three lines of fixed width.
    var text: String {
        var text = ""
        text.append(line: "host       ", host, width: Self.hostWidth)
        text.append(line: "namespace  ", namespace, width: Self.namespaceWidth)
        text.append(line: "since      ", since, width: Self.sinceWidth)
        return text
    }
}

extension SpoolHolder {
    /// - Parameter text: of the whole lock file.
    /// - Returns: nil when an owner of an older version has written it.
    init?(_ text: String) {
        guard let process = OwnerNote.process(in: text).flatMap({ Int32($0) }) else { return nil }
        let values = OwnerNote.values(in: text)
        // It is shown to people, and others may have written it.
        guard let host = values["host"], let namespace = values["namespace"], let since = values["since"],
            [host, namespace, since].allSatisfy({ $0.utf8.allSatisfy { 0x21...0x7e ~= $0 } })
        else { return nil }
        self.init(process: process, host: String(host), namespace: String(namespace), since: String(since))
    }
}
