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
        "", "localhost:8123", "localhost", "ftp://host", "http://", "http://host/?database=x", "http://host/#x",
    ])
    func `what is no URL of a server is refused`(text: String) {
        #expect(throws: InvalidEndpoint.self) { try Endpoint.parse(text) }
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
