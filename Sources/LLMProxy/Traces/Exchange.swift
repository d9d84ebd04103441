internal import HTTPTypes
internal import Synchronization

/// A request and its response, until they are over. Then they are counted and, where they have a trace, traced: exactly
/// once, whatever has happened, also when nobody says how they ended.
final class Exchange: Sendable {
    private let draft: Mutex<TraceDraft?>
    private let recorder: TraceRecorder
    private let shutdown: Shutdown
    let requestID: String

    init(_ draft: TraceDraft, recorder: TraceRecorder, shutdown: Shutdown) {
        requestID = draft.identity.requestID
        self.draft = Mutex(draft)
        self.recorder = recorder
        self.shutdown = shutdown
    }

    deinit {
        // The response was dropped before its body was asked for: there is no connection for it any more.
        let reason = answer(to: .cancelled)
        end(statusCode: UInt16(reason.status.code), reason.code)
    }

    /// Changes what will be said of it; without effect when it is over.
    func note(_ change: (inout TraceDraft) -> Void) {
        draft.withLock { draft in
            guard var changed = draft else { return }
            change(&changed)
            draft = changed
        }
    }

    /// What the client is told of a failure, and its trace: who gave up is known here.
    func answer(to error: ProviderError) -> OpenAIError {
        guard error == .cancelled, shutdown.cutsResponses else { return error.answer }
        return OpenAIError(.serviceUnavailable, "proxy_shutdown", "The proxy is shutting down; try again")
    }

    /// It is over. Without effect when it was already.
    ///
    /// - Parameters:
    ///   - statusCode: what was sent; nil leaves it at what was noted.
    ///   - error: why the response is not what was asked for; nil when it is.
    func end(statusCode: UInt16? = nil, _ error: String?) {
        let ended = draft.withLock { draft in
            defer { draft = nil }
            return draft
        }
        guard var ended else { return }
        ended.statusCode = statusCode ?? ended.statusCode
        recorder.record(ended, error: error)
    }
}
