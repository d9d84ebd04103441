internal import ArgumentParser
internal import ClickHouseWriter

#if canImport(System)
    internal import System
#else
    internal import SystemPackage
#endif

/// Written at once, also where it goes to a pipe. A reader that leaves early, as `head` does, ends the command without a
/// word: by SIGPIPE, or with exit code 0 where that is ignored.
enum StandardOutput {
    /// Text for people, and a line break. Nothing in it acts on a terminal.
    static func say(_ text: String) throws { try write(VisibleText.escapeLines(text) + "\n") }

    /// The last that a command says, which then ends with `code`, whether anybody reads it or not.
    static func end(_ text: String, with code: ExitCode) throws {
        do {
            try say(text)
        } catch let gone as ExitCode where gone == .success {
            // The reader has left.
        }
        if code != .success { throw code }
    }

    /// As it is.
    static func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// As they are.
    static func write(_ bytes: [UInt8]) throws {
        do {
            try FileDescriptor.standardOutput.writeAll(bytes)
        } catch Errno.brokenPipe {
            throw ExitCode.success
        } catch {
            throw OutputFailure(reason: "\(error)")
        }
    }
}

/// Standard output takes nothing. The command ends with exit code 74, `EX_IOERR`.
struct OutputFailure: Error, CustomStringConvertible {
    let reason: String

    var description: String {
        "standard output cannot be written (\(reason)); what it holds is not whole. Write it elsewhere"
    }
}

/// Many lines for standard output, written in large pieces.
struct LineOutput {
    private let keepsBytes: Bool
    private var buffer: [UInt8] = []

    /// - Parameter keepsBytes: whether lines of JSON stay as they are; else what acts on a terminal becomes an escape of
    ///   JSON's.
    init(keepsBytes: Bool = false) {
        self.keepsBytes = keepsBytes
    }

    /// - Parameter json: in one line.
    mutating func write(json: [UInt8]) throws {
        buffer += keepsBytes ? json : Array(Paragraph.escaped(String(decoding: json, as: UTF8.self)).utf8)
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count > 1 << 16 { try flush() }
    }

    /// To be called at the end.
    mutating func flush() throws {
        try StandardOutput.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
