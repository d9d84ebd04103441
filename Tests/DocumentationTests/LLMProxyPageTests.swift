import ArgumentParser
import Foundation
@testable import llm_proxy
import Testing

/// The page about the proxy leaves nothing out.
@Suite struct LLMProxyPageTests {
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

    @Test func `every error code is on it`() throws {
        let sources = try Repository.files(in: "Sources/LLMProxy").filter { $0.hasSuffix(".swift") }
            .map { try Repository.text($0) }.joined()
        let codes = sources.matches(of: /"((?:client|request|invalid|provider|proxy|wrong|not)_[a-z_]+)"/).map {
            String($0.1)
        }
        #expect(Set(codes).count > 12)
        for code in Set(codes) where code != "invalid_request_error" { #expect(page.contains("`\(code)`"), "\(code)") }
    }
}
