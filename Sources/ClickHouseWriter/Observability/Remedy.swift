/// What an operator does about a trouble, in the words of both `spoolctl` and a program's status page.
package enum Remedy: String {
    case failed = """
        Look at the disk (dmesg) and at the log. The writer opens the file anew every second, and goes on by itself.
        """
    case displaced = """
        Do not stop the writer: its records are only in its open files. It tries every second to write them to a file again: see \
        that the spool's directory is there and has room.
        """
    case damaged = """
        The writer sets the file aside, salvages what is readable, and logs how much is lost. Free as much disk space as the \
        spool takes, and look at the disk (dmesg).
        """
    case held = "Fix what the error names. The writer retries, and delivery resumes by itself."
    case poisoned = """
        If the table is wrong, fix it, and the record is delivered. Otherwise it becomes a dead letter as soon as another record \
        is accepted.
        """
    case backingOff = """
        Nothing, unless this lasts: the writer retries until ClickHouse accepts. Then check ClickHouse, the network and the TLS \
        files. The writer reads replaced TLS files before the next retry.
        """

    /// A path as a shell takes it for one word.
    package static func shellWord(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-/".contains($0)) }
        if plain, !text.isEmpty { return text }
        // By scalars: a quote with an accent is another `Character`, but ends the word nevertheless.
        let parts = text.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false)
        return "'" + parts.map { String($0) }.joined(separator: #"'\''"#) + "'"
    }
}
