internal import Foundation
internal import ProxyRules

/// A file of client keys is accepted or refused at the first line that is wrong, what is accepted is found again by its key,
/// and an empty key never is.
///
/// Input: whether the file is the rest of it, or lines that it chooses.
func checkKeys(_ input: [UInt8]) throws(Violation) {
    var source = ByteSource(input)
    guard source.bool() else {
        try check(source.remainder())
        return
    }
    var file: [UInt8] = source.bool() ? [0xef, 0xbb, 0xbf] : []
    var listed: [String: ClientKeyList.Key] = [:]
    var firstWrong: Int?
    var number = 0
    while !source.isEmpty {
        number += 1
        let line = Line(&source, isRepeated: { listed[$0] != nil })
        file += line.bytes
        file += source.bool() ? Array("\r\n".utf8) : Array("\n".utf8)
        if firstWrong == nil {
            if line.isWrong { firstWrong = number }
            if let (text, key) = line.key { listed[text] = key }
        }
    }
    let outcome = try check(file)
    switch outcome {
    case .success(let list):
        try require(firstWrong == nil, "line \(firstWrong ?? 0) is accepted")
        try require(list.count == listed.count, "\(list.count) keys instead of \(listed.count)")
        for (text, key) in listed { try require(list.find(text) == key, "a listed key is not found") }
    case .failure(let refusal):
        try require(refusal.line == firstWrong, "line \(refusal.line ?? 0) is blamed for line \(firstWrong ?? 0)")
        try require(firstWrong != nil || listed.isEmpty, "a file of keys is refused")
    }
}

/// What holds for any file.
@discardableResult
private func check(_ file: [UInt8]) throws(Violation) -> Result<ClientKeyList, ClientKeyList.Refusal> {
    let outcome = Result { () throws(ClientKeyList.Refusal) in try ClientKeyList(file) }
    switch outcome {
    case .success(let list):
        try require(list.count > 0, "a list without a key")
        try require(list.find("") == nil, "an empty key is let in")
    case .failure(let refusal):
        let lines = file.count { $0 == UInt8(ascii: "\n") } + 1
        try require(refusal.line.map { 1...lines ~= $0 } ?? true, "a line that is not there")
        try require(!refusal.reason.contains { $0.isNewline }, "a reason of several lines")
    }
    return outcome
}

/// A line, and what must become of it.
private struct Line {
    private static let keys = ["sk-1", "sk-2", "sk-3", "s", "ключ", ""]
    private static let orgID = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"

    var bytes: [UInt8] = []
    var isWrong = false
    var key: (String, ClientKeyList.Key)?

    init(_ source: inout ByteSource, isRepeated: (String) -> Bool) {
        switch source.byte() % 8 {
        case 0: bytes = Array(source.choice(["", " ", "\t  ", "# note", "  # note", "#"]).utf8)
        case 1:
            isWrong = true
            let words = ["sk-in-plain-text name", "\0", "x\u{feff}", "name", "a\rb", "\u{1b}[0m", "0", "*  -"]
            bytes = Array(source.choice(words).utf8)
        case 2:
            isWrong = true
            bytes = [0xff, source.byte() | 0x80]
        default:
            let text = source.choice(Self.keys)
            let name = source.choice(["-", "reports", "имя", "#", "*-"])
            let hex = ClientKeyList.digest(of: text).map { String(format: "%02x", $0) }.joined()
            let gap = source.choice(["  ", " ", "\t", " \t "])
            let org = source.choice(["", "\(gap)\(Self.orgID)", "\(gap)organisation", "\(gap)\(Self.orgID) more"])
            let form = source.choice([hex, hex.uppercased(), String(hex.dropLast()), hex + "0"])
            bytes = Array("\(source.choice(["", gap]))\(form)\(gap)\(name)\(org)\(source.choice(["", gap]))".utf8)
            let isKey = form.count == 64 && (org.isEmpty || org.hasSuffix(Self.orgID)) && !text.isEmpty
            isWrong = !isKey || isRepeated(text)
            if !isWrong {
                key = (text, ClientKeyList.Key(name: name, orgID: org.isEmpty ? nil : UUID(uuidString: Self.orgID)))
            }
        }
    }
}
