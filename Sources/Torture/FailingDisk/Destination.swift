/// A ClickHouse that deduplicates by token. It is another machine: it keeps what it has when ours loses power.
struct Destination {
    private var bodies: [String: [UInt8]] = [:]
    private var tokens: [Int: String] = [:]

    /// Records that arrived under two tokens.
    private(set) var duplicated = 0
    /// Bodies that were not what their token stood for before. ClickHouse would drop them without a word.
    private(set) var reusedTokens = 0
    private(set) var alteredRecords = 0

    func has(_ number: Int) -> Bool { tokens[number] != nil }
    func has(token: String) -> Bool { bodies[token] != nil }

    /// An insert that is accepted.
    mutating func insert(_ body: [UInt8], token: String) {
        if let known = bodies[token] {
            if known != body { reusedTokens += 1 }
            return
        }
        bodies[token] = body
        for payload in body.split(separator: UInt8(ascii: "\n")) {
            guard let number = NumberedPayload.number(in: payload) else {
                alteredRecords += 1
                continue
            }
            if tokens.updateValue(token, forKey: number) != nil { duplicated += 1 }
        }
    }
}
