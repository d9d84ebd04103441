internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTPTypes

/// The body of a client that waits for `100 Continue`, which is sent when somebody begins to read it: whoever is refused
/// before that has sent none of it.
struct ContinuedBody: AsyncSequence, Sendable {
    let base: RequestBody
    let channel: any Channel

    func makeAsyncIterator() -> RequestBody.AsyncIterator {
        channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: .continue)), promise: nil)
        return base.makeAsyncIterator()
    }
}
