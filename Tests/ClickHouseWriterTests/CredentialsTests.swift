@testable import ClickHouseHTTP
@testable import ClickHouseWriter
import Testing

@Suite struct CredentialsTests {
    @Test(arguments: [
        (nil, nil, ["http://a"], nil, nil),
        ("u", "p", ["http://a"], "u", "p"),
        (nil, "p", ["http://a"], "default", "p"),
        ("u", nil, ["http://a"], "u", ""),
        (nil, nil, ["http://u:p@a", "http://u:p@b"], "u", "p"),
        (nil, nil, ["http://u:p@a", "http://b"], "u", "p"),
        (nil, "q", ["http://u@a"], "u", "q"),
        ("v", "q", ["http://u:p@a"], "v", "q"),
        ("v", nil, ["http://u:p@a"], "v", ""),
    ])
    func `what the configuration leaves open is taken from the URLs`(
        user: String?,
        password: String?,
        urls: [String],
        expectedUser: String?,
        expectedPassword: String?
    ) throws {
        var configuration = BatchWriterConfiguration(spoolPath: "s", urls: urls, table: "t", user: user)
        configuration.password = password.map { Secret($0) }
        let credentials = try InsertClient(configuration).credentials
        #expect(credentials?.user == expectedUser)
        #expect(credentials?.password == expectedPassword)
    }
}
