@testable import ClickHouseHTTP
import Foundation
import Testing

/// Nothing of a secret is left, however a server repeats it.
@Suite struct RedactionTests {
    private static let secret = #"p@ss "wörd'/\1&<+"#

    /// What a server may make of it, by a way that is not ours.
    private static let forms: [String] = {
        func json(_ text: String) -> String {
            String(decoding: (try? JSONEncoder().encode(text).dropFirst().dropLast()) ?? Data(), as: UTF8.self)
        }
        let percent = secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let all = secret.utf8.map { "%" + (String($0, radix: 16).count < 2 ? "0" : "") + String($0, radix: 16) }
            .joined()
        let base64 = Data(secret.utf8).base64EncodedString()
        return [
            secret, json(secret), json(json(secret)), percent, all, all.uppercased(),
            secret.addingPercentEncoding(withAllowedCharacters: .urlQueryAllowed) ?? "",
            percent.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "",
            percent.replacing("%20", with: "+"),
            base64, base64.replacing("=", with: ""), base64.replacing("+", with: "-").replacing("/", with: "_"),
            secret.replacing("\\", with: "\\\\").replacing("'", with: "\\'"), secret.replacing("'", with: "''"),
            secret.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
                .replacing("'", with: "&#39;"),
            secret.unicodeScalars.map { "&#x\(String($0.value, radix: 16));" }.joined(),
            secret.unicodeScalars.map { "\\u" + ("000" + String($0.value, radix: 16)).suffix(4) }.joined(),
            secret.utf8.map { "\\x" + ("0" + String($0, radix: 16)).suffix(2) }.joined(),
            secret.utf8.map { ("0" + String($0, radix: 16)).suffix(2) }.joined(),
            secret.utf8.map { ("0" + String($0, radix: 16)).suffix(2) }.joined().uppercased(),
        ]
    }()

    @Test(arguments: forms) func `a secret is found in each of its forms`(form: String) {
        let redaction = Redaction(of: Self.secret, user: "writer")
        #expect(redaction.redact("the key <\(form)> is wrong") == "the key <…> is wrong", "\(form)")
        #expect(redaction.redact("\(form) \(form)") == "… …")
    }

    @Test(arguments: ["hunter2", "hunter22", "hunter222", "p@ss:w/rd", "a?>~ÿÿ"])
    func `Basic authorization with the secret is found, whatever the user's name is`(password: String) {
        for user in ["", "w", "wr", "writer"] {
            for isOurUser in [true, false] {
                let redaction = Redaction(of: password, user: isOurUser ? user : nil)
                let basic = Data("\(user):\(password)".utf8).base64EncodedString()
                #expect(redaction.redact("Authorization: Basic \(basic) is wrong") == "Authorization: Basic … is wrong")
                let longer = Data("\(user):\(password), and more".utf8).base64EncodedString()
                #expect(redaction.redact("(\(longer))") == "(…)")
            }
        }
    }

    @Test(arguments: [
        ("sk-proj-Ab3dEf9hIj is", "… is"), ("sk***xyz", "sk***xyz"), ("us-ab***Kz", "us-ab***Kz"), ("sk-***hIj.", "…."),
        ("sk-p**********", "…"),
        ("sk-proj…9hIj", "…"), ("(sk-proj-...)", "(…)"), ("•••••f9hIj", "…"), ("sk-pxxxxxxxxIj", "…"),
        ("sk-proj-Ab3dEf9h**", "…"), ("a ... b", "a ... b"), ("---- task ----", "---- task ----"),
    ])
    func `a secret whose middle is masked is found by its beginning and end`(text: String, expected: String) {
        #expect(Redaction(of: "sk-proj-Ab3dEf9hIj").redact(text) == expected)
    }

    @Test func `other texts stay, and a secret of one letter or none is nothing special`() {
        let text = "Code: 60. DB::Exception: Table ibex.t does not exist. (UNKNOWN_TABLE) aGVsbG8gd29ybGQ= %41 \\u0041"
        #expect(Redaction(of: "hunter2", user: "writer").redact(text) == text)
        #expect(Redaction(of: "").redact(text) == text)
        #expect(Redaction(of: "7").redact("a 7 b") == "a … b")
    }

    @Test func `forms beside and over one another leave nothing`() {
        let redaction = Redaction(of: "abab")
        #expect(redaction.redact("xababab") == "x…")
        #expect(redaction.redact("ab**abab") == "…")
    }
}
