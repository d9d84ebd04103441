import ArgumentParser
import Foundation
@testable import llm_proxy
import Subprocess
import TestSupport
import Testing

#if canImport(System)
    import System
#else
    import SystemPackage
#endif

/// The page about the proxy leaves nothing out.
@Suite(.startsProcesses) struct LLMProxyPageTests {
    private let page: String

    init() throws {
        page = try Repository.text("Sources/ClickHouseWriter/ClickHouseWriter.docc/LLMProxy.md")
    }

    @Test func `every option is on it, with its variable`() {
        let help = LLMProxy.helpMessage(columns: 10_000)
        let options = help.matches(of: /\n +(--[a-z-]+)/).map { String($0.1) }
        let variables = help.matches(of: /\[([A-Z_]{3,}(?:=\w+)?)\]/).map { String($0.1) }
        #expect(options.count > 15 && variables.count > 15)
        for name in options where name != "--help" { #expect(page.contains("`\(name)`"), "\(name)") }
        for name in variables + ["UPSTREAM_API_KEY"] { #expect(page.contains("`\(name)`"), "\(name)") }
    }

    @Test func `the command that makes a key makes one, and nothing where it cannot`() async throws {
        let command = try #require(
            page.matches(of: /\n    (umask 077\n    KEY=.*sha256sum.*)\n/).first.map { String($0.1) }
        )
        try await withTemporaryDirectory { directory in
            let run = { @Sendable (path: String) in
                try await Subprocess.run(
                    .path("/bin/sh"),
                    arguments: ["-c", command],
                    environment: .custom(["PATH": path]),
                    workingDirectory: FilePath(directory),
                    output: .string(limit: 1_000),
                    error: .discarded
                )
            }
            // Without openssl, and whatever else would make the key.
            let tools = directory + "/tools"
            try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: tools + "/sha256sum",
                withDestinationPath: "/usr/bin/sha256sum"
            )
            _ = try await run(tools)
            #expect(throws: ProxyConfiguration.Invalid.self) { try ClientKeys(file: directory + "/keys") }
            try? FileManager.default.removeItem(atPath: directory + "/keys")
            let result = try await run("/usr/bin:/bin")
            #expect(result.standardOutput.hasPrefix("sk-"), "the key is shown once")
            _ = try ClientKeys(file: directory + "/keys")
            let warnings = try ProxyConfiguration(
                ProxyOptions.parse(["--client-keys", directory + "/keys"]),
                environment: [:]
            ).warnings
            #expect(warnings == [])
        }
    }

    @Test func `every error code is on it`() throws {
        let sources = try Repository.files(in: "Sources/LLMProxy").filter { $0.hasSuffix(".swift") }
            .map { try Repository.text($0) }.joined()
        let codes = sources.matches(
            of: /"((?:client|foreign|request|invalid|provider|proxy|wrong|not|unknown)_[a-z_]+)"/
        ).map {
            String($0.1)
        }
        #expect(Set(codes).count > 12)
        for code in Set(codes) where code != "invalid_request_error" { #expect(page.contains("`\(code)`"), "\(code)") }
    }
}
