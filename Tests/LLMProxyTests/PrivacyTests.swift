import Foundation
import HTTPTypes
import Hummingbird
import SQLiteSpool
import Subprocess
import TestSupport
import Testing

/// What people say to models, and keys, are nobody else's business.
@Suite(.startsProcesses) struct PrivacyTests {
    private static let prompt = "MyVerySecretPrompt"
    private static let completion = "AVerySecretCompletion"
    private static let directive = "TheSecretDirective"
    private static let providerKey = "sk-the-secret-of-the-provider"
    private static let clientKey = "sk-the-secret-of-the-client"
    private static let all = [prompt, completion, directive, providerKey, clientKey]

    /// Streams, errors that quote the prompt, and connections that break.
    private static func respond(_ provider: ScriptedProvider, _ received: ScriptedProvider.Received) -> Response {
        let chunk = #"data: {"choices":[{"delta":{"content":"\#(completion)"}}]}"# + "\n\n"
        switch received.requestID {
        case "stream": return provider.stream([chunk, "data: [DONE]\n\n"].async)
        case "error": return .json(#"{"error":{"message":"bad: \#(prompt), \#(completion)"}}"#, .badRequest)
        case "page": return Response(status: .badGateway, body: ResponseBody(byteBuffer: .init(string: completion)))
        case "late": return provider.stream([chunk, #"data: {"error":{"message":"\#(prompt)"}}"# + "\n\n"].async)
        case "odd": return .json("\(completion) is no JSON")
        default: return .json(#"{"choices":[{"message":{"content":"\#(completion)"}}]}"#)
        }
    }

    @Test(arguments: [Signal.terminate, .kill])
    func `no word of them is in spool, table, log or pages`(end: Signal) async throws {
        try await withTemporaryDirectory { directory in
            let folder = directory + "/proxy"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            try Data(Self.directive.utf8).write(to: URL(filePath: directory + "/directive"))
            try Data("\(ClientKeysTests.digest(of: Self.clientKey))  one".utf8)
                .write(to: URL(filePath: directory + "/keys"))
            let ids = ["plain", "stream", "error", "page", "late", "odd", "broken"]
            let outcome = try await ScriptedProvider.run { provider, received in
                Self.respond(provider, received)
            } _: { provider, url in
                try await ProxyUnderTest.run(
                    in: folder,
                    ["--upstream-url", url, "--client-keys", "../keys", "--system-directive", "../directive"],
                    environment: ["UPSTREAM_API_KEY": "\(Self.providerKey)"],
                    end: end
                ) { proxy in
                    for id in ids {
                        let headers = ["X-Request-Id": id, "Authorization": "Bearer \(Self.clientKey)"]
                        if id == "broken" {
                            _ = try await proxy.post(#"{"model": \#(Self.prompt)"#, headers: headers)
                        } else {
                            _ = try await proxy.chat(Self.prompt, stream: id == "stream", headers: headers)
                        }
                    }
                    #expect(provider.received.allSatisfy { $0.body.contains(Self.directive) })
                    // All are in the spool when it says so.
                    try await waitUntil {
                        try await proxy.get("/status.json").body.contains("\"written\":\(ids.count)")
                    }
                    for page in ["/", "/metrics", "/status.json", "/healthz", "/history.json"] {
                        let text = try await proxy.get(page).body
                        for secret in Self.all { #expect(!text.contains(secret), "\(page)") }
                    }
                }
            }
            for secret in Self.all { #expect(!outcome.log.contains(secret)) }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(files.contains("traces.spool") && files.contains("stand-in.sqlite"))
            var holdsTraces = false
            for file in files {
                let contents = try #require(FileManager.default.contents(atPath: folder + "/" + file))
                for secret in Self.all { #expect(contents.firstRange(of: Data(secret.utf8)) == nil, "\(file)") }
                holdsTraces = holdsTraces || contents.firstRange(of: Data("provider_status_400".utf8)) != nil
            }
            #expect(holdsTraces, "what was searched is what was written")
        }
    }
}
