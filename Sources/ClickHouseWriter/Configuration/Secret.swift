/// A text that descriptions, dumps and interpolations do not show.
public struct Secret: Sendable, Equatable, ExpressibleByStringLiteral, CustomStringConvertible,
    CustomDebugStringConvertible, CustomReflectable
{
    package let text: String

    /// Hides `text`.
    public init(_ text: String) {
        self.text = text
    }

    /// For tests and examples: a real secret does not stand in the source.
    public init(stringLiteral text: String) {
        self.text = text
    }

    /// Never the text itself.
    public var description: String { "…" }

    /// Never the text itself.
    public var debugDescription: String { "…" }

    /// Empty, so that `dump` shows nothing either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    /// A header cannot hold anything else.
    package var isOneLine: Bool { !text.utf8.contains { $0 < 0x20 || $0 == 0x7f } }
}
