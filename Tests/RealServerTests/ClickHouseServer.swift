import AsyncHTTPClient
import Foundation
import NIOCore
import Subprocess
import TestSupport

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// A real ClickHouse to test against: the one at `CLICKHOUSE_URL`, else Debian's clickhouse-server, started on a free
/// port with a directory of its own and stopped afterwards.
struct ClickHouseServer: Sendable {
    let url: String

    /// The password of the user `writer`, where there is one.
    var writerPassword: String?

    /// Where its configuration is; nil when it is not ours.
    var directory: String?

    private static let executable = "/usr/sbin/clickhouse-server"
    private static let givenURL = ProcessInfo.processInfo.environment["CLICKHOUSE_URL"].flatMap {
        $0.isEmpty ? nil : $0
    }

    static let isGiven = givenURL != nil
    static let isOurs = givenURL == nil && FileManager.default.isExecutableFile(atPath: executable)
    static let isAvailable = givenURL != nil || isOurs

    static func withServer<Result: Sendable>(_ body: @escaping @Sendable (ClickHouseServer) async throws -> Result)
        async throws -> Result
    {
        if let givenURL { return try await body(ClickHouseServer(url: givenURL)) }
        return try await withTemporaryDirectory { directory in
            let port = try freePort()
            try configure(directory, port: port)
            var options = PlatformOptions()
            options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(10))]
            return try await run(
                .path(FilePath(executable)),
                arguments: ["--config-file=\(directory)/config.xml"],
                workingDirectory: FilePath(directory),
                platformOptions: options,
                input: .none,
                output: .discarded,
                error: .discarded
            ) { server in
                let running = ClickHouseServer(
                    url: "http://127.0.0.1:\(port)",
                    writerPassword: "sec<ret & ü",
                    directory: directory
                )
                let result = await Swift.Result { () async throws -> Result in
                    try await running.waitUntilReady()
                    return try await body(running)
                }
                try server.send(signal: .kill)
                return try result.get()
            }.closureResult
        }
    }

    /// Runs a query. For looking at what arrived; the writer does not go through here.
    func query(_ sql: String) async throws -> String {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        // The client takes a response that was compressed well for an attack.
        request.headers.add(name: "Accept-Encoding", value: "identity")
        request.body = .bytes(ByteBuffer(string: sql))
        // An idle connection may be closed by the server in the moment in which it is taken again.
        request.headers.add(name: "Connection", value: "close")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 24))
        guard response.status == .ok else { throw Failure(text: text) }
        return text
    }

    struct Failure: Error {
        let text: String
    }

    private func waitUntilReady() async throws {
        for _ in 0..<600 {
            if (try? await query("SELECT 1")) == "1\n" { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Failure(text: "clickhouse-server did not answer within a minute")
    }

    private static func configure(_ directory: String, port: Int) throws {
        let config = """
            <yandex>
                <logger><level>warning</level><log>\(directory)/server.log</log><errorlog>\(directory)/error.log</errorlog></logger>
                <http_port>\(port)</http_port><listen_host>127.0.0.1</listen_host>
                <path>\(directory)/data/</path><tmp_path>\(directory)/tmp/</tmp_path>
                <users_config>\(directory)/users.xml</users_config>
                <default_profile>default</default_profile><default_database>default</default_database>
                <mark_cache_size>67108864</mark_cache_size><keep_alive_timeout>3</keep_alive_timeout><timezone>UTC</timezone>
            </yandex>
            """
        try Data(config.utf8).write(to: URL(filePath: directory + "/config.xml"))
        try write(users: ["writer": User(password: "sec<ret & ü")], to: directory)
    }

    struct User {
        var password: String
        var isReadOnly = false
    }

    /// Whom a server of ours lets in from now on, beside the user `default`.
    func setUsers(_ users: [String: User]) async throws {
        guard let directory else { throw Failure(text: "the server is not ours") }
        try Self.write(users: users, to: directory)
        _ = try await query("SYSTEM RELOAD CONFIG")
    }

    private static func write(users: [String: User], to directory: String) throws {
        let elements = users.merging(["default": User(password: "")]) { first, _ in first }.map { name, user in
            let password = user.password.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
            return "<\(name)><password>\(password)</password><networks><ip>127.0.0.1</ip></networks>"
                + "<profile>\(user.isReadOnly ? "readonly" : "default")</profile><quota>default</quota></\(name)>"
        }
        let document = """
            <yandex>
                <profiles><default/><readonly><readonly>1</readonly></readonly></profiles><quotas><default/></quotas>
                <users>\(elements.joined())</users>
            </yandex>
            """
        try Data(document.utf8).write(to: URL(filePath: directory + "/users.xml"))
    }

    /// The kernel names a port that is free now.
    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure(text: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

extension Result where Failure == any Error {
    fileprivate init(catching body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
