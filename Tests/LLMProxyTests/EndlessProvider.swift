import Hummingbird
import Logging
import NIOCore

/// Runs `body` with the URL of a provider whose streams never end.
func withEndlessProvider(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (String) async throws -> Void
) async throws {
    let router = Router()
    router.post("/v1/chat/completions") { _, _ in
        Response(
            status: .ok,
            headers: [.contentType: "text/event-stream"],
            body: ResponseBody { writer in
                while true {
                    try await writer.write(ByteBuffer(string: "data: {}\n\n"))
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        )
    }
    let (ports, running) = AsyncStream.makeStream(of: Int.self)
    let application = Application(
        router: router,
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
        onServerRunning: { running.yield($0.localAddress?.port ?? 0) },
        logger: Logger(label: "provider") { _ in SwiftLogNoOpLogHandler() }
    )
    let serving = Task { try await application.run() }
    defer { serving.cancel() }
    for await port in ports {
        try await body("http://127.0.0.1:\(port)")
        break
    }
}
