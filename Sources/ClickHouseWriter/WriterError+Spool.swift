internal import SQLiteSpool

extension WriterError {
    init(_ error: SpoolError) {
        let code: Code =
            switch error.code {
            case .closed: .writerClosed
            case .full: .spoolFull
            case .inUse: .spoolInUse
            case .refused: .spoolRefused
            case .busy, .failed, .damaged, .changed: .spoolFailed
            }
        self.init(code, error.description, cause: error)
    }
}
