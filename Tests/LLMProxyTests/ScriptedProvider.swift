import ClickHouseStandIn
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// A provider that answers as a test says, keeps what it was sent, and counts who hung up.
final class ScriptedProvider: Sendable {
    struct Received: Sendable {
        var method: String
        /// With its query.
        var path: String
        var headers: HTTPFields
        var body: String

        var requestID: String { HTTPField.Name("X-Request-Id").flatMap { headers[$0] } ?? "" }
    }

    private struct State {
        var received: [Received] = []
        var hangUps = 0
        var writtenBytes = 0
    }

    private let state = Mutex(State())

    var received: [Received] { state.withLock(\.received) }

    /// Streams whose client left before their end.
    var hangUps: Int { state.withLock(\.hangUps) }

    /// Bytes of bodies that the proxy's connection has taken.
    var writtenBytes: Int { state.withLock(\.writtenBytes) }

    /// Runs `body` with the provider and its URL.
    static func run<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation,
        _ respond: @escaping @Sendable (ScriptedProvider, Received) async throws -> Response,
        _ body: (ScriptedProvider, String) async throws -> Value
    ) async throws -> Value {
        let provider = ScriptedProvider()
        let router = Router()
        for method in [HTTPRequest.Method.get, .post, .put, .delete] {
            router.on("**", method: method) { request, _ in
                let received = Received(
                    method: request.method.rawValue,
                    path: request.head.path ?? "",
                    headers: request.headers,
                    body: String(buffer: try await request.body.collect(upTo: 1 << 24))
                )
                provider.state.withLock { $0.received.append(received) }
                return try await respond(provider, received)
            }
        }
        let (ports, running) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            server: HTTPServerBuilder { AcceptedConnections(HTTP1Channel(responder: $0)) },
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { running.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "provider") { _ in SwiftLogNoOpLogHandler() }
        )
        let serving = Task { try await application.run() }
        defer { serving.cancel() }
        for await port in ports { return try await body(provider, "http://127.0.0.1:\(port)") }
        throw CancellationError()
    }

    /// A stream of events, each as soon as the sequence has it.
    func stream<Events: AsyncSequence & Sendable>(
        _ events: Events,
        type: String = "text/event-stream"
    ) -> Response where Events.Element == String {
        Response(
            status: .ok,
            headers: [.contentType: type],
            body: ResponseBody { [self] writer in
                do {
                    for try await event in events {
                        try await writer.write(ByteBuffer(string: event))
                        state.withLock { $0.writtenBytes += event.utf8.count }
                    }
                } catch is Cut {
                    throw Cut()
                } catch {
                    state.withLock { $0.hangUps += 1 }
                    throw error
                }
                try await writer.finish(nil)
            }
        )
    }

    /// Thrown by a sequence of events: the connection is closed in the middle.
    struct Cut: Error {}

    /// Events without end.
    static func endless(_ event: String = "data: {}\n\n", pause: Duration = .milliseconds(20)) -> AsyncStream<String> {
        AsyncStream {
            try? await Task.sleep(for: pause)
            return event
        }
    }
}

extension Response {
    static func json(_ text: String, _ status: HTTPResponse.Status = .ok, _ headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

/// Opened once, for whoever waits.
final class Gate: Sendable {
    private let (opened, opening) = AsyncStream.makeStream(of: Never.self)

    func open() { opening.finish() }

    func wait() async { for await _ in opened {} }
}
