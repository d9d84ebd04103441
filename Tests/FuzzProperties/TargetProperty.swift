import AsyncHTTPClient
import ClickHouseHTTP

/// Whatever a client asks for, the request goes to the configured server and is there what it was taken for; or it is
/// refused. Whatever is given as ClickHouse's URL, its requests go there.
///
/// Input: which server, and then the request line's target or the URL.
func checkTarget(_ input: [UInt8]) throws(Violation) {
    var source = ByteSource(input)
    let base = source.choice(bases)
    let text = String(decoding: source.remainder(), as: UTF8.self)
    guard let origin = HTTPOrigin(of: base) else { throw Violation("\(base) is no server") }
    // The last barrier holds by itself, also behind code that adds texts.
    if let request = try? origin.request(to: base + text) {
        try require(server(in: request.url) == server(in: base), "\(base) leads to \(request.url)")
    }
    if let endpoint = try? Endpoint.parse(text).endpoint {
        let url = endpoint.url + "/?query=x"
        try require((try? endpoint.origin.request(to: url)) != nil, "\(endpoint) leads elsewhere")
        let read = "\(endpoint.origin.host):\(endpoint.origin.port)".lowercased()
        try require(server(in: url) == read, "\(endpoint) is misread")
    }
    guard let target = try? RequestTarget(text) else { return }
    let request = try? origin.request(to: base + target.text)
    try require(request != nil, "accepted, and leads elsewhere than to \(base)")
    try require(server(in: request?.url ?? "") == server(in: base), "\(base) leads to \(request?.url ?? "")")
    try require(target.path.utf8.elementsEqual(text.utf8.prefix { $0 != UInt8(ascii: "?") }), "another path is sent")
    for path in lenientReadings(of: target.path) {
        try require(!path.contains("..") && !path.contains("."), "it has dots for some server")
        for known in knownPaths where path == known {
            try require(
                target.path == joined(known) || target.isOtherSpelling(of: joined(known)),
                "some server reads \(joined(known))"
            )
        }
    }
}

private let bases = [
    "http://up.test", "https://api.openai.com", "http://127.0.0.1:8080/base", "http://[::1]:9", "http://127.0.0.0x1",
]

private let knownPaths = [["v1", "chat", "completions"], ["v1", "completions"]]

private func joined(_ segments: [String]) -> String { segments.map { "/" + $0 }.joined() }

/// `host:port`, as RFC 3986 has it.
private func server(in url: String) -> String {
    let parts = url.split(separator: "://", maxSplits: 1)
    guard parts.count == 2 else { return "" }
    let authority = parts[1].prefix { !"/?#\\".contains($0) }
    let server = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
    let colon = server.lastIndex(of: ":").flatMap { server[$0...].contains("]") ? nil : $0 }
    let port = colon.map { server[server.index(after: $0)...] } ?? ""
    let usual = parts[0].lowercased() == "https" ? "443" : "80"
    return "\(server[..<(colon ?? server.endIndex)]):\(port.isEmpty ? usual : String(port))".lowercased()
}

/// The segments that servers of different habits see.
private func lenientReadings(of path: String) -> [[String]] {
    let once = decode(Array(path.utf8))
    return [once, decode(once)].map { bytes in
        bytes.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }.map { segment -> String in
            let isEnd = { (byte: UInt8) in ";?#\0".utf8.contains(byte) }
            var name = String(decoding: segment.prefix { !isEnd($0) }, as: UTF8.self).lowercased()
            while name.hasSuffix(" ") { name.removeLast() }
            return name
        }
    }
}

private func decode(_ bytes: [UInt8]) -> [UInt8] {
    var decoded: [UInt8] = []
    var index = 0
    while index < bytes.count {
        let digits = String(decoding: bytes[index...].dropFirst().prefix(2), as: UTF8.self)
        if bytes[index] == UInt8(ascii: "%"), digits.utf8.count == 2, let byte = UInt8(digits, radix: 16) {
            decoded.append(byte)
            index += 3
        } else {
            decoded.append(bytes[index])
            index += 1
        }
    }
    return decoded
}
