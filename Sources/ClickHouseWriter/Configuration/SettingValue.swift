protocol SettingValue: SendableMetatype {
    /// What the text must be, for who wrote something else: `a whole number`.
    static var expectation: String { get }

    /// nil when the text is not one.
    init?(settingText text: String)

    /// nil when there is none.
    var settingText: String? { get }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    static var expectation: String { Wrapped.expectation }

    init?(settingText text: String) {
        guard let value = Wrapped(settingText: text) else { return nil }
        self = value
    }

    var settingText: String? { flatMap(\.settingText) }
}

extension SettingValue where Self: LosslessStringConvertible {
    init?(settingText text: String) { self.init(text.trimmed) }

    var settingText: String? { description }
}

extension Int: SettingValue {
    static var expectation: String { "a whole number" }
}

extension Bool: SettingValue {
    static var expectation: String { "true or false" }
}

extension String: SettingValue {
    static var expectation: String { "text" }

    init?(settingText text: String) { self = text }

    var settingText: String? { self }
}

extension Secret: SettingValue {
    static var expectation: String { "text" }

    init?(settingText text: String) { self.init(text) }

    var settingText: String? { description }
}

extension [String]: SettingValue {
    static var expectation: String { "texts with commas between them" }

    init?(settingText text: String) { self = text.split(separator: ",").map { $0.trimmed } }

    var settingText: String? { isEmpty ? nil : joined(separator: ",") }
}

extension Duration: SettingValue {
    static var expectation: String { "a whole number and its unit, like 500ms, 2s, 1m or 1h" }

    /// `500ms`, `2s`, `1m` or `1h`; nil for anything else.
    package init?(settingText text: String) {
        let text = text.trimmed
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": self = .milliseconds(number)
        case "s": self = .seconds(number)
        case "m": self = .seconds(number * 60)
        case "h": self = .seconds(number * 3_600)
        default: return nil
        }
    }

    var settingText: String? { text }

    var text: String {
        let (seconds, attoseconds) = components
        return attoseconds == 0 ? "\(seconds)s" : "\(seconds * 1_000 + attoseconds / 1_000_000_000_000_000)ms"
    }
}

extension SettingValue where Self: RawRepresentable<String> & CaseIterable {
    static var expectation: String { allCases.map(\.rawValue).joined(separator: " or ") }

    init?(settingText text: String) { self.init(rawValue: text.trimmed) }

    var settingText: String? { rawValue }
}

extension BatchWriterConfiguration.Durability: SettingValue {}
extension BatchWriterConfiguration.WhenFull: SettingValue {}
extension BatchWriterConfiguration.Compression: SettingValue {}

extension StringProtocol {
    var trimmed: String {
        String(trimmingPrefix(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
