import Crypto
import Foundation
import HTTPTypes
@testable import llm_proxy
import ProxyRules
import TestSupport
import Testing

@Suite(.bounded) struct ClientKeysTests {
    static func digest(of key: String) -> String {
        SHA256.hash(data: Data(key.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    private func keys(_ text: String) async throws -> ClientKeys { try await keys(Array(text.utf8)) }

    private func keys(_ bytes: [UInt8]) async throws -> ClientKeys {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            try Data(bytes).write(to: URL(filePath: path))
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
        for empty in [[.xAPIKey: ""], [.authorization: ""], [.authorization: "Bearer"]] as [HTTPFields] {
            #expect(keys.find(empty) == nil, "an empty key is none")
        }
    }

    /// `sha256sum` prints the first for `printf %s "$KEY"`, and the second for `echo "$KEY"`, where KEY is not set.
    @Test(arguments: ["", "\n", "\r\n"])
    func `the hash of an empty key is refused by its line`(nothing: String) async throws {
        let text = "\(Self.digest(of: "a"))  a\n\(Self.digest(of: nothing))  -\n"
        let error = await #expect(throws: ProxyConfiguration.Invalid.self) { try await keys(text) }
        #expect(error?.description.contains("line 2 is the hash of an empty key") == true)
        #expect(error?.description.contains(#"[ -n "$KEY" ] && printf"#) == true, "a command that cannot make one")
    }

    @Test func `a byte order mark, line ends of Windows, comments and blank lines are read`() async throws {
        let lines = [
            "# keys", "", "\(Self.digest(of: "one"))  first", "  \t", "  # more", "\(Self.digest(of: "two"))\tsecond",
        ]
        for end in ["\n", "\r\n"] {
            for last in ["", end] {
                let keys = try await keys("\u{feff}" + lines.joined(separator: end) + last)
                #expect(keys.find([.xAPIKey: "one"])?.name == "first")
                #expect(keys.find([.xAPIKey: "two"])?.name == "second")
            }
        }
    }

    private static let unreadable: [(file: String, tail: [UInt8], reason: String)] = [
        ("# a\r\nHASH  a\r\nsk-hunter2\r\n", [], "line 3 must be a key's SHA-256"),
        ("HASH  a\n\u{feff}HASH  b\n", [], "line 2 must be"),
        ("# a\rHASH  a\r", [], "it lists no key"),
        ("HASH  a\rHASH  b", [], "line 1 holds a control character"),
        ("\nHASH  a\0\n", [], "line 2 holds a control character"),
        ("HASH  \u{9b}0m\n", [], "line 1 holds a control character"),
        ("HASH  a\n", [0xff, 0x0a], "line 2 is not UTF-8 text"),
        ("", [0xff, 0xfe, 0x61, 0x00], "line 1 is not UTF-8 text"),
    ]

    @Test(arguments: unreadable)
    func `what cannot be read is refused by its line`(text: String, tail: [UInt8], reason: String) async throws {
        let file = Array(text.replacing("HASH", with: Self.digest(of: "a")).utf8) + tail
        let error = await #expect(throws: ProxyConfiguration.Invalid.self) { try await keys(file) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `a key that is listed twice is refused, and both lines are named`() async throws {
        let digest = Self.digest(of: "a")
        for again in [digest, digest.uppercased()] {
            let text = "# keys\n\(digest)  first\n\(Self.digest(of: "b"))  other\n\(again)  second  \(UUID())\n"
            let error = await #expect(throws: ProxyConfiguration.Invalid.self) { try await keys(text) }
            #expect(error?.description.contains("line 4 has the key of line 2 once more") == true)
        }
    }

    @Test func `a file that is wrong when it is read anew leaves the old keys in force`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/keys"
            let write = { (text: String) in try Data(text.utf8).write(to: URL(filePath: path)) }
            try write("\(Self.digest(of: "one"))  first\n")
            let keys = try ClientKeys(file: path)
            let two = "\(Self.digest(of: "two"))  second\n"
            for wrong in ["", "\(two)\(Self.digest(of: ""))  -\n", String(two.dropLast(20)), two + two] {
                try write(wrong)
                #expect(throws: ProxyConfiguration.Invalid.self) { try keys.reread() }
                #expect(keys.find([.xAPIKey: "one"]) != nil && keys.find([.xAPIKey: "two"]) == nil)
            }
            try FileManager.default.removeItem(atPath: path)
            #expect(throws: ProxyConfiguration.Invalid.self) { try keys.reread() }
            #expect(keys.find([.xAPIKey: "one"]) != nil)
            try write(two)
            #expect(try keys.reread() == 1)
            #expect(keys.find([.xAPIKey: "one"]) == nil && keys.find([.xAPIKey: "two"]) != nil)
        }
    }

    @Test func `a file without an end, or one that would be waited for, is refused`() async throws {
        try await withTemporaryDirectory { directory in
            let fifo = directory + "/fifo"
            #expect(mkfifo(fifo, 0o600) == 0)
            for path in [fifo, "/dev/zero"] {
                let error = #expect(throws: ProxyConfiguration.Invalid.self) { try ClientKeys(file: path) }
                #expect(error?.description == "--client-keys names \"\(path)\": it is not a regular file")
            }
            let large = directory + "/large"
            #expect(FileManager.default.createFile(atPath: large, contents: nil))
            #expect(truncate(large, 17 << 20) == 0)
            let error = #expect(throws: ProxyConfiguration.Invalid.self) { try ClientKeys(file: large) }
            #expect(error?.description.hasSuffix("it is larger than 16 MiB") == true)
        }
    }

    @Test(arguments: [
        ("", "it lists no key"), ("# none\n", "it lists no key"), ("hunter2  name\n", "line 1 must be a key's SHA-256"),
        ("\n\(digest(of: "a"))\n", "line 2 must be"), ("\(digest(of: "a"))0  name", "line 1 must be"),
        ("\(digest(of: "a"))  name  org", "line 1 must name the organisation by its UUID"),
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
