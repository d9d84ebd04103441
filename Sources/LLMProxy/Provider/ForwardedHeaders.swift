internal import struct ClickHouseHTTP.Redaction
internal import HTTPTypes
internal import NIOHTTP1

/// Which headers pass: all but those that belong to one connection (RFC 9110, section 7.6.1).
enum ForwardedHeaders {
    private static let ofOneConnection: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
        // Said anew by whoever sends the message on.
        "content-length", "expect", "host",
    ]

    /// What makes some servers read another method or path than the request line's, which is what was checked.
    private static let ofAnotherRequest: Set<String> = [
        "x-envoy-original-path", "x-forwarded-method", "x-forwarded-path", "x-forwarded-prefix", "x-forwarded-uri",
        "x-http-method", "x-http-method-override", "x-method-override", "x-original-method", "x-original-uri",
        "x-original-url", "x-override-url", "x-rewrite-path", "x-rewrite-url",
    ]

    /// Where clients put their keys, in OpenAI's, Anthropic's and Azure's API.
    private static let ofKeys: Set<String> = ["authorization", "x-api-key", "api-key"]

    /// - Parameter key: sent in the place of the client's own.
    static func toProvider(_ fields: HTTPFields, key: String?) -> HTTPHeaders {
        var headers = HTTPHeaders()
        let named = namedByConnection(fields[values: .connection])
        for field in fields {
            let name = field.name.canonicalName
            if ofOneConnection.contains(name) || named.contains(name) { continue }
            // CGI, and what came after it, makes no difference between the two characters.
            if ofAnotherRequest.contains(name.replacing("_", with: "-")) { continue }
            if key != nil, ofKeys.contains(name) { continue }
            // The usage is read from the response as it passes by, so it must not be compressed.
            if field.name == .acceptEncoding { continue }
            headers.add(name: field.name.rawName, value: field.value)
        }
        headers.add(name: "Accept-Encoding", value: "identity")
        if let key { headers.add(name: "Authorization", value: "Bearer \(key)") }
        return headers
    }

    /// - Parameters:
    ///   - requestID: takes the place of the provider's, which goes on as `X-Provider-Request-Id`.
    ///   - redaction: takes the proxy's own key out of values.
    static func toClient(_ headers: HTTPHeaders, requestID: String, redaction: Redaction? = nil) -> HTTPFields {
        var fields = HTTPFields()
        let named = namedByConnection(headers[canonicalForm: "connection"].map(String.init))
        for (rawName, value) in headers {
            guard let name = HTTPField.Name(rawName), !ofOneConnection.contains(name.canonicalName),
                !named.contains(name.canonicalName)
            else { continue }
            let shown = redaction?.redact(value) ?? value
            fields.append(HTTPField(name: name == .xRequestID ? .xProviderRequestID : name, value: shown))
        }
        fields[.xRequestID] = requestID
        return fields
    }

    private static func namedByConnection(_ values: [String]) -> Set<String> {
        Set(values.flatMap { $0.split(separator: ",") }.map { $0.filter { !$0.isWhitespace }.lowercased() })
    }
}
