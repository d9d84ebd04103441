import ClickHouseHTTP
import Testing

@Suite struct RequestTargetTests {
    @Test(arguments: [
        "/", "/?", "/v1", "/v1/chat/completions", "/v1/files/file-abc/content", "/v1/models/org%2Fname",
        "/v1/models/meta-llama/Llama-3.1-8B", "/v1/models/ft:gpt-4o:org::id", "/v1/models/ft%3Agpt-4o%3Aorg%3A%3Aid",
        "/v1/models/@cf%2Fmeta%2Fllama-3", "/v1/models/a..b/.hidden", "/v1/models/mod%C3%A8le",
        "/v1/models/two%20words",
        "/v1/threads/t_1/runs?limit=20&order=asc&after=%2Fx%0A", "/v1/x?a//b/../c;d?e=%2e%2E",
    ])
    func `what clients send goes on as they wrote it`(text: String) throws {
        #expect(try RequestTarget(text).text == text)
    }

    @Test func `a query that clients do not encode is encoded`() throws {
        let target = try RequestTarget(#"/v1/x?include[]=a&b={"c":1}|\^`<>"#)
        #expect(target.path == "/v1/x")
        #expect(target.text == "/v1/x?include%5B%5D=a&b=%7B%22c%22:1%7D%7C%5C%5E%60%3C%3E")
    }

    @Test(arguments: [
        "", "*", "v1/models", "ing://[/v1/chat/completions", "http://h/v1/models", "HTTP://h", "h:443", "@h/v1/models",
        ":81/v1", "?/v1", "\\v1", "/v1/x#y", "/v1/x?a#b", "/v1/a b", "/v1/a\tb", "/v1/a\u{0}b", "/v1/a\u{7f}b",
        "/v1/\u{e9}",
        "/v1/x?a b", "/v1/x?\u{e9}", "/v1/x\r\nHost: h",
    ])
    func `what is no path of visible ASCII is refused`(text: String) {
        #expect(throws: InvalidTarget.notOriginForm) { try RequestTarget(text) }
    }

    @Test(arguments: [
        "/v1/%zz", "/v1/x%", "/v1/x%2", "/v1/%2g", "/v1/%", "/v1/x?a=%zz", "/v1/x?%", "/v1/%+1", "/v1/x?%-1",
    ])
    func `a percent sign without two digits is refused`(text: String) {
        #expect(throws: InvalidTarget.percent) { try RequestTarget(text) }
    }

    @Test(arguments: [
        "/v1/completion%73", "/v1/%2e%2e/admin", "/v1/x%2E", "/v1/%2d", "/v1/x%00", "/v1/x%0d%0aHost:h", "/v1/x%7f",
        "/v1/x%5c..", "/v1/x%3bx=1", "/v1/x%3fy", "/v1/x%23y", "/v1/x%252f", "/v1/x%25zz",
        // Not UTF-8: by itself, an overlong dot, half a letter, a surrogate. A C1 control.
        "/v1/%ff/x", "/v1/%c0%ae%c0%ae/x", "/v1/%c3", "/v1/%ed%a0%80", "/v1/x%c2%85",
    ])
    func `an encoding that needs none, or that hides the end of a path, is refused`(text: String) {
        #expect(throws: InvalidTarget.encoding) { try RequestTarget(text) }
    }

    @Test func `several faults are one refusal`() {
        #expect(throws: InvalidTarget.self) { try RequestTarget("/v1/%ff/%2e%2e/") }
    }

    @Test(arguments: ["/v1/x;y=1", "/v1/;", #"/v1/..\x"#, "/v1/[x]", "/v1/{x}", "/v1/a|b", "/v1/<", "/v1/\"", "/v1/^`"])
    func `a character that no path has is refused`(text: String) {
        #expect(throws: InvalidTarget.character) { try RequestTarget(text) }
    }

    @Test(arguments: ["//", "//h/v1", "/v1//x", "/v1/", "/v1/x/", "/v1/x//", "/v1/%2F", "/v1/a%2f%2fb", "/v1/a%2F"])
    func `an empty segment is refused, also an encoded one`(text: String) {
        #expect(throws: InvalidTarget.emptySegment) { try RequestTarget(text) }
    }

    @Test(arguments: [
        "/.", "/..", "/v1/../x", "/v1/./x", "/v1/x/..", "/v1/x%2F..%2f..", "/v1/...", "/v1/..%20/x", "/v1/%20/x",
        "/v1/%EF%BC%8E%EF%BC%8E/x", "/v1/x%EF%BC%8F..",
    ])
    func `a segment of dots is refused, also an encoded one`(text: String) {
        #expect(throws: InvalidTarget.dots) { try RequestTarget(text) }
    }

    @Test(arguments: [
        "/V1/chat/completions", "/v1/Chat/COMPLETIONS", "/v1/chat%2Fcompletions", "/v1%2fchat%2Fcompletions",
        "/v1/chat/completions.", "/v1/chat/completions%20", "/v1/chat/%20completions", "/v1/.chat/completions",
        // Full-width letters and a full-width solidus, a long s, a Kelvin sign's like.
        "/v1/%EF%BD%83hat/completions", "/v1/chat%EF%BC%8Fcompletions", "/v1/chat/completion%C5%BF",
    ])
    func `another spelling of a known path is known as one`(text: String) throws {
        #expect(try RequestTarget(text).isOtherSpelling(of: "/v1/chat/completions"))
    }

    @Test(arguments: [
        "/v1/chat/completions", "/v1/chat/completions?x", "/v1/chat/completions/id", "/v1/completions", "/v1/x",
    ])
    func `the path itself is no other spelling, nor is another path`(text: String) throws {
        #expect(try !RequestTarget(text).isOtherSpelling(of: "/v1/chat/completions"))
    }
}
