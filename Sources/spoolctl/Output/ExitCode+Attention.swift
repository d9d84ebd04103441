internal import ArgumentParser

extension ExitCode {
    /// The command did what it should, and somebody has to do something. 1 is a command that failed, 64 a wrong one.
    static let attention = ExitCode(2)

    /// Standard output could not be written: `EX_IOERR`.
    static let outputFailure = ExitCode(74)
}
