import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Subprocess
import TestSupport

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// The real binary, running.
struct ProxyUnderTest: Sendable {
    let url: String
    /// What it printed until it was ready.
    let greeting: [String]
    var processID: pid_t = 0

    struct Answer: Sendable {
        let status: UInt
        let headers: [String: String]
        let body: String
    }

    struct Outcome<Value: Sendable>: Sendable {
        let value: Value
        let status: TerminationStatus
        /// Everything printed after the greeting, and standard error.
        let log: String
    }

    /// Starts it in `directory` on a free port, runs `body`, and ends it.
    ///
    /// - Parameters:
    ///   - fileLimit: how many files and connections it may have open; nil: as these tests.
    ///   - standardError: a file that takes it; nil: the outcome's log.
    ///   - end: nil when the body ends it.
    static func run<Value: Sendable>(
        in directory: String,
        _ options: [String] = [],
        environment: [Environment.Key: String?] = [:],
        fileLimit: Int? = nil,
        standardError: String? = nil,
        end: Signal? = .terminate,
        _ body: @escaping @Sendable (ProxyUnderTest) async throws -> Value
    ) async throws -> Outcome<Value> {
        let limit = fileLimit.map { ["--nofile=\($0):\($0)"] } ?? []
        let redirection = standardError.map { ["sh", "-c", #"exec "$@" 2>"$0""#, $0] } ?? []
        let result = try await Subprocess.run(
            // Becomes what it starts.
            .name("prlimit"),
            arguments: Arguments(
                limit + redirection + [builtProduct("llm-proxy"), "--listen", "127.0.0.1:0"] + options
            ),
            // The tests' own CLICKHOUSE_URL is not the proxy's.
            environment: .inherit.updating(["CLICKHOUSE_URL": nil]).updating(environment),
            workingDirectory: FilePath(directory),
            input: .none,
            output: .sequence,
            error: .string(limit: 1 << 20)
        ) { process in
            var greeting: [String] = []
            var value: Value?
            for try await line in process.standardOutput.strings() {
                greeting.append(line)
                guard line.hasPrefix("try: "), let url = address(in: greeting) else { continue }
                do {
                    let processID = process.processIdentifier.value
                    value = try await body(ProxyUnderTest(url: url, greeting: greeting, processID: processID))
                } catch {
                    try process.send(signal: .kill)
                    throw error
                }
                if let end { try process.send(signal: end) }
            }
            return (value, greeting.joined(separator: "\n"))
        }
        guard let value = result.closureResult.0 else { throw NotStarted(log: result.standardError) }
        return Outcome(
            value: value,
            status: result.terminationStatus,
            log: result.closureResult.1 + (result.standardError)
        )
    }

    struct NotStarted: Error {
        let log: String
    }

    func chat(
        _ content: String,
        stream: Bool = false,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        let body = #"{"model":"m1","stream":\#(stream),"messages":[{"role":"user","content":"\#(content)"}]}"#
        return try await post(body, headers: headers)
    }

    func post(
        _ body: String,
        to path: String = "/v1/chat/completions",
        method: String = "POST",
        headers: [String: String] = [:]
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if !body.isEmpty || method == "POST" { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return Answer(
            status: response.status.code,
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
            body: String(buffer: try await response.body.collect(upTo: 1 << 20))
        )
    }

    /// Asks for a stream and returns when its first bytes are there, leaving it open.
    func startStreaming() async throws {
        let (first, arrived) = AsyncStream.makeStream(of: Void.self)
        // Holds the connection until the proxy ends it.
        Task {
            for try await _ in try await stream() { arrived.yield() }
        }
        for await _ in first { break }
    }

    /// Asks for a stream.
    ///
    /// - Returns: its body, once the response's head is there.
    func stream(headers: [String: String] = [:]) async throws -> HTTPClientResponse.Body {
        var request = HTTPClientRequest(url: url + "/v1/chat/completions")
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(string: #"{"model":"m1","stream":true,"messages":[]}"#))
        return try await HTTPClient.shared.execute(request, timeout: .seconds(60)).body
    }

    func signal(_ signal: Int32) { kill(processID, signal) }

    /// What it has of the machine's memory.
    func residentBytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8).split(separator: " ")
        return (Int(pages[1]) ?? 0) * 4_096
    }

    private static func address(in greeting: [String]) -> String? {
        greeting.first { $0.hasPrefix("llm-proxy listens on ") }?
            .split(separator: " ").dropFirst(3).first.map {
                String($0.trimmingPrefix { $0 == "," }.prefix { $0 != "," })
            }
    }
}
