import Crypto
import Foundation
import HTTPTypes
@testable import llm_proxy
import TestSupport
import Testing

@Suite(.bounded) struct ClientKeysTests {
    static func digest(of key: String) -> String {
        SHA256.hash(data: Data(key.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    private func keys(_ text: String) async throws -> ClientKeys {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            try Data(text.utf8).write(to: URL(filePath: path))
            return try ClientKeys(file: path)
        }
    }

    @Test func `a key is found by its hash, wherever clients put it`() async throws {
        let org = UUID()
        let keys = try await keys(
            """
            # comment

            \(Self.digest(of: "one"))  first
            \(Self.digest(of: "two").uppercased())\tsecond \(org.uuidString)\r
            """
        )
        #expect(keys.find([.authorization: "Bearer one"])?.name == "first")
        #expect(keys.find([.authorization: "bearer two"]) == ClientKeys.Key(name: "second", orgID: org))
        #expect(keys.find([.xAPIKey: "one"])?.name == "first")
        let wrong = ["Bearer three", "Bearer", "Bearer ", "one", "Basic one", "Bearer \(Self.digest(of: "one"))", ""]
        for value in wrong { #expect(keys.find([.authorization: value]) == nil, "\(value)") }
        #expect(keys.find([:]) == nil)
    }

    @Test(arguments: [
        ("", "it lists no key"), ("# none\n", "it lists no key"), ("hunter2  name\n", "line 1 must be a key's SHA-256"),
        ("\n\(digest(of: "a"))\n", "line 2 must be"), ("\(digest(of: "a"))0  name", "line 1 must be"),
        ("\(digest(of: "a"))  name  org", "line 1: the organisation must be a UUID"),
        ("\(digest(of: "a"))  name  org  more", "line 1 must be"),
    ])
    func `a line that is no key's is refused by its number, without what is in it`(
        text: String,
        reason: String
    ) async throws {
        let error = await #expect(throws: ProxyConfiguration.Invalid.self) { try await keys(text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `a file that is not there is named`() {
        let error = #expect(throws: ProxyConfiguration.Invalid.self) { try ClientKeys(file: "/absent/keys") }
        #expect(error?.description == "--client-keys names \"/absent/keys\": No such file or directory")
    }
}
