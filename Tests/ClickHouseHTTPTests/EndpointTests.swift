@testable import ClickHouseHTTP
import Testing

@Suite struct EndpointTests {
    @Test(arguments: [
        ("http://localhost:8123", "http://localhost:8123"),
        ("http://localhost", "http://localhost:8123"),
        ("https://ch.example.com/", "https://ch.example.com:8443"),
        ("HTTP://10.0.0.1:80/click/house/", "http://10.0.0.1:80/click/house"),
        ("http://[::1]:8123", "http://[::1]:8123"),
    ])
    func `a URL is taken as people write it`(text: String, url: String) throws {
        let parsed = try Endpoint.parse(text)
        #expect(parsed.endpoint.url == url)
        #expect(parsed.credentials == nil)
    }

    @Test(arguments: [
        ("", "no http:// or https:// in front"), ("localhost:8123", "no http:// or https:// in front"),
        ("localhost", "write it like http://localhost:8123"), ("ftp://host", "not with ftp://"),
        ("http://", "not a URL like http://localhost:8123"), ("http://host/?database=x", "must not have a query"),
        ("http://host/#x", "must not have a query"), ("http://my host:8123", "a space"),
        ("http://host:65536", "ports are from 1 to 65535"), ("http://host:0", "ports are from 1 to 65535"),
        ("http://host:port", "not a URL"), ("http://host/a/../b", "its path must not contain . or .."),
        ("http://host//a", "its path must not have //"), ("http://host/%2e%2e/b", "its path must not encode"),
        ("http://ho%73t", "spelled in an unusual way"),
        ("http://user:pa/ss@host", "write / as %2F"),
    ])
    func `what is no URL of a server is refused, and what to write is said`(text: String, reason: String) {
        let error = #expect(throws: InvalidEndpoint.self) { try Endpoint.parse(text) }
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
    }

    @Test func `credentials in a URL are taken out of it`() throws {
        let parsed = try Endpoint.parse("http://writer:p%40ss@host:8123")
        #expect(parsed.endpoint.url == "http://host:8123")
        #expect(parsed.credentials == Credentials(user: "writer", password: "p@ss"))
    }

    @Test func `no description shows a password`() throws {
        let credentials = Credentials(user: "writer", password: "hunter2")
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped] { #expect(!text.contains("hunter2")) }
        let error = #expect(throws: InvalidEndpoint.self) { try Endpoint.parse("http://writer:hunter2@host/?x=1") }
        #expect("\(try #require(error))".contains("hunter2") == false)
    }
}

@Suite struct InsertTargetTests {
    @Test(arguments: [
        ("llm_traces", "`llm_traces`"), ("a`b", "`a\\`b`"), ("a\\b", "`a\\\\b`"),
        ("a\\`; DROP TABLE x", "`a\\\\\\`; DROP TABLE x`"),
        ("a'b\"c", "`a'b\"c`"), ("zwei Wörter", "`zwei Wörter`"), ("a\nb\0c", "`a\\nb\\0c`"),
        // Equal to a backquote, as a `Character`.
        ("a\u{1fef}b", "`a\u{1fef}b`"),
    ])
    func `no name breaks out of its quotes`(name: String, quoted: String) {
        #expect(Array(quoteIdentifier(name).utf8) == Array(quoted.utf8))
    }

    @Test func `a statement names the table and no columns`() {
        let target = InsertTarget(database: "ibex", table: "t")
        #expect(target.insertStatement == "INSERT INTO `ibex`.`t` FORMAT JSONEachRow")
    }

    @Test func `a query string is encoded whole`() {
        #expect(InsertClient.encodeQuery([("query", "a b&c=d+é"), ("x", "1")]) == "query=a%20b%26c%3Dd%2B%C3%A9&x=1")
    }
}
