internal import ArgumentParser
internal import Foundation
internal import Glibc
internal import SQLiteSpool
internal import Subprocess
internal import SystemPackage

/// What happens to the files of a spool while an owner writes, and to a copy without its WAL.
extension CopyHistory {
    /// - Returns: false when there is nothing to do it with.
    mutating func disturb(_ act: Act, _ index: Int) async throws -> Bool {
        let path = branches[index].path
        switch act {
        case .remove:
            let removed = ["", "-wal", ".lock"].filter { _ in Bool.random(using: &generator) }
            let place = try await write(to: index) { _ in
                for suffix in removed.isEmpty ? [""] : removed {
                    try FileManager.default.removeItem(atPath: path + suffix)
                }
            }
            if place != path { findings.wrong.append("after a removal the spool is at \(place)") }
        case .move:
            let away = path + ".away"
            let place = try await write(to: index) { _ in
                for suffix in Self.fileSuffixes {
                    try FileManager.default.moveItem(atPath: path + suffix, toPath: away + suffix)
                }
            }
            if place != path { findings.wrong.append("after a move the spool is at \(place)") }
            for suffix in Self.fileSuffixes { try FileManager.default.removeItem(atPath: away + suffix) }
        case .replace:
            guard branches.count < 6, let image = images.filter({ !$0.missesWAL }).randomElement(using: &generator)
            else {
                return false
            }
            let place = try await write(to: index) { try $0.exchange(path, for: image) }
            if place == path { findings.wrong.append("a file that took the spool's place was written over") }
            branches.append(Branch(path: place, acknowledged: branches[index].acknowledged))
            branches[index].acknowledged = image.acknowledged
        case .hardLink:
            let link = path + ".link"
            try await write(to: index) { history in
                try FileManager.default.linkItem(atPath: path, toPath: link)
                try await history.expectRefusal(link)
                try FileManager.default.removeItem(atPath: link)
                try? FileManager.default.removeItem(atPath: link + ".lock")
            }
        case .bindMount:
            let parent = directory
            try await write(to: index) { history in
                try await MountedFile.with(parent, at: parent + "-mounted") { mounted in
                    try await history.expectRefusal(mounted + path.dropFirst(parent.count))
                }
                try await MountedFile.with(path, at: path + ".mounted") { try await history.expectRefusal($0) }
                try? FileManager.default.removeItem(atPath: path + ".mounted.lock")
            }
        case .unlockOpen:
            try await write(to: index) { history in
                try FileManager.default.removeItem(atPath: path + ".lock")
                try await history.expectRefusal(path)
            }
        default: return false
        }
        return true
    }

    /// Puts an image's files over the spool's names, each by a rename, as `rsync` does; the WAL's only if the image has one.
    private mutating func exchange(_ path: String, for image: Image) throws {
        let withLock = Bool.random(using: &generator)
        for suffix in Self.fileSuffixes where suffix != ".lock" || withLock {
            let kept = "\(image.directory)/spool\(suffix)"
            guard FileManager.default.fileExists(atPath: kept) else { continue }
            try FileManager.default.copyItem(atPath: kept, toPath: path + ".new")
            guard unsafe rename(path + ".new", path + suffix) == 0 else { throw POSIXError(.EIO) }
        }
    }

    /// Another process must not get the file that this one owns.
    private mutating func expectRefusal(_ path: String) async throws {
        let result = try await Subprocess.run(
            .path("/proc/self/exe"),
            arguments: ["own-child", path],
            input: .none,
            output: .discarded,
            error: .string(limit: 4 << 10)
        )
        if result.terminationStatus != .exited(0) {
            findings.wrong.append(
                "a second owner of \(path): \(result.terminationStatus) \(result.standardError)"
            )
        }
    }

    /// Opens what was copied without its WAL. If anything that was acknowledged is in no place any more, that must be said.
    ///
    /// - Returns: what is there. For the rest it was said that it is missing.
    mutating func openWithoutWAL(_ path: String, _ image: Image) async throws -> Set<Int> {
        let status = try SpoolStatus(readingSpoolAt: path)
        let file = try Database(path: path, access: .readOnly)
        let here = try Self.numbers(in: "records", file).union(Self.numbers(in: "dead_letters", file))
        let spool = try Spool(SpoolConfiguration(path: path, durability: .processCrash))
        let loss = spool.loss
        await spool.close()
        if (loss?.quarantinedFile != nil) != status.missesWAL {
            findings.wrong.append(
                "seen from outside the WAL is \(status.missesWAL ? "missing" : "not missing"), and not at opening"
            )
        }
        let gone = image.acknowledged.subtracting(here).subtracting(try await delivered())
        if !gone.isEmpty, loss == nil { findings.wrong.append("\(gone.count) records are missing without a word") }
        return here
    }
}

/// A file or directory that is mounted a second time.
enum MountedFile {
    /// Whether this process may mount. Looked at once.
    static let isAllowed: Bool = {
        let directory =
            FileManager.default.temporaryDirectory.path(percentEncoded: false)
            + "/torture-mount-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        guard unsafe mount(directory, directory, nil, UInt(MS_BIND), nil) == 0 else { return false }
        unsafe umount2(directory, Int32(MNT_DETACH))
        return true
    }()

    static func with(_ source: String, at target: String, _ body: (String) async throws -> Void) async throws {
        let files = FileManager.default
        let isDirectory = (try files.attributesOfItem(atPath: source)[.type] as? FileAttributeType) == .typeDirectory
        if isDirectory {
            try files.createDirectory(atPath: target, withIntermediateDirectories: false)
        } else {
            try Data().write(to: URL(filePath: target))
        }
        defer { try? files.removeItem(atPath: target) }
        guard unsafe mount(source, target, nil, UInt(MS_BIND), nil) == 0 else { throw POSIXError(.EPERM) }
        defer { unsafe umount2(target, Int32(MNT_DETACH)) }
        try await body(target)
    }
}

/// The process that tries to own a file that another one owns.
struct OwnChild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "own-child", shouldDisplay: false)

    @Argument var path: String

    func run() async throws {
        do throws(SpoolError) {
            let spool = try Spool(SpoolConfiguration(path: path))
            await spool.close()
        } catch {
            if error.code == .inUse || error.code == .refused { return }
            throw error
        }
        throw ExitCode.failure
    }
}
