internal import ArgumentParser

#if canImport(System)
    internal import System
#else
    internal import SystemPackage
#endif

/// Written at once, also where it goes to a pipe. A reader that leaves early, as `head` does, ends the command without a
/// word.
enum StandardOutput {
    static func write(_ text: String) throws { try write(Array(text.utf8)) }

    static func write(_ bytes: [UInt8]) throws {
        do {
            try FileDescriptor.standardOutput.writeAll(bytes)
        } catch Errno.brokenPipe {
            throw ExitCode.success
        }
    }
}

/// Many lines for standard output, written in large pieces.
struct LineOutput {
    private var buffer: [UInt8] = []

    mutating func write(line: [UInt8]) throws {
        buffer += line
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count > 1 << 16 { try flush() }
    }

    mutating func write(_ lines: String) throws {
        try write(line: Array(lines.utf8))
    }

    /// To be called at the end.
    mutating func flush() throws {
        try StandardOutput.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
