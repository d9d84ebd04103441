/// The spelling of Prometheus text.
enum PrometheusText {
    /// Only `[a-zA-Z0-9_:]`, and no digit first.
    static func name(_ label: String) -> String {
        let name = String(label.map { isPlain($0) || $0 == ":" ? $0 : "_" })
        return name.first?.isNumber ?? true ? "_\(name)" : name
    }

    static func counterName(_ label: String) -> String {
        let name = name(label)
        return name.hasSuffix("_total") ? name : "\(name)_total"
    }

    static func labelName(_ dimension: String) -> String {
        let name = String(dimension.map { isPlain($0) ? $0 : "_" })
        return name.first?.isNumber ?? true ? "_\(name)" : name
    }

    static func escapeHelp(_ text: String) -> String {
        escape(text)
    }

    static func escapeLabel(_ value: String) -> String {
        escape(value, ["\""])
    }

    /// By scalars: to a `Character` "\r\n" is no line break, and a quote with an accent no quote.
    private static func escape(_ text: String, _ quotes: [Unicode.Scalar] = []) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case _ where quotes.contains(scalar): escaped += "\\\(scalar)"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map { String($0) } ?? "\(value)"
    }

    private static func isPlain(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber) || character == "_"
    }
}

/// The labels of one series, spelled: `table="ibex.llm_traces",code="60"`.
struct PrometheusLabels: Hashable, Sendable {
    let text: String

    init(_ dimensions: [(String, String)]) {
        text =
            dimensions
            .map { "\(PrometheusText.labelName($0.0))=\"\(PrometheusText.escapeLabel($0.1))\"" }
            .joined(separator: ",")
    }

    /// In braces, with one more label; nothing where there are none.
    func braced(adding extra: String = "") -> String {
        let all = [text, extra].filter { !$0.isEmpty }.joined(separator: ",")
        return all.isEmpty ? "" : "{\(all)}"
    }
}
