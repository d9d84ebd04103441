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
        if password.isEmpty { return text }
        // Not by characters: followed by an accent the password's last letter would be another one.
        return String(text.unicodeScalars.replacing(password.unicodeScalars, with: "…".unicodeScalars))
    }
}
