internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// How far the requests of a connection have arrived, and have been answered.
struct RequestArrival {
    private var heads = 0
    private var ends = 0
    private var contentLength = 0
    private var receivedBytes = 0
    private var expectsContinue = false

    /// How many responses have been written to their end.
    var answers = 0

    /// Whether the client was told to send its body.
    var isContinued = false

    mutating func receive(_ part: HTTPRequestPart) {
        switch part {
        case .head(let head):
            heads += 1
            contentLength = head.headerFields[.contentLength].flatMap { Int($0) } ?? 0
            receivedBytes = 0
            expectsContinue = head.headerFields.expectsContinue
            isContinued = false
        case .body(let bytes): receivedBytes += bytes.readableBytes
        case .end: ends += 1
        }
    }

    /// Whether a request has begun and not ended.
    var isOpen: Bool { heads > ends }

    /// Whether the response to the latest request is over.
    var isAnswered: Bool { answers == heads }

    /// What the body takes of memory, or will.
    var heldBytes: Int { max(contentLength, receivedBytes) }

    /// Whether the client waits for `100 Continue` before it sends its body.
    var waitsForContinue: Bool { isOpen && expectsContinue && !isContinued && receivedBytes == 0 }
}

extension HTTPFields {
    var expectsContinue: Bool { self[.expect]?.lowercased() == "100-continue" }
}
