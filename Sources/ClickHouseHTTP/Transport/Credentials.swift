/// Who we are to ClickHouse. Sent in headers only, and shown nowhere.
package struct Credentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    package let user: String
    package let password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    package var description: String { "Credentials(user: \(user), password: …)" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["user": user]) }

    /// `text` without the password, should a server or a gateway have repeated it.
    func redact(_ text: String) -> String {
        Redaction(of: password, user: user).redact(text)
    }
}
