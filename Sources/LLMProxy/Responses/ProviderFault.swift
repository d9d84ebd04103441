internal import struct ClickHouseHTTP.Redaction
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1

/// A provider's response with a status of 400 or more, as the client gets it: in OpenAI's shape, with the request's id.
///
/// An error that has the shape already keeps every byte beside the member `request_id`; other bodies, like a load
/// balancer's page, are replaced. Where the provider was sent the proxy's own key, nothing of that goes on.
struct ProviderFault {
    let status: HTTPResponseStatus
    let headers: HTTPHeaders

    /// nil when it could not be read, or was too long.
    let body: ByteBuffer?

    /// Takes the proxy's own key out; nil when the provider was sent the client's.
    let redaction: Redaction?

    init(status: HTTPResponseStatus, headers: HTTPHeaders, body: ByteBuffer?, redaction: Redaction? = nil) {
        self.status = status
        self.headers = headers
        self.redaction = redaction
        // What is compressed was not asked for, and no key is found in it.
        let isHidden = redaction != nil && headers.contains(name: "content-encoding")
        self.body = isHidden ? nil : body.map { Self.redact($0, redaction) }
    }

    private static func redact(_ body: ByteBuffer, _ redaction: Redaction?) -> ByteBuffer {
        guard let redaction else { return body }
        let text = String(buffer: body)
        let redacted = redaction.redact(text)
        return redacted == text ? body : ByteBuffer(string: redacted)
    }

    /// How much of a text is quoted to the client.
    private static let maxQuoted = 1_000

    private static let names = JSONNames(["request_id"])

    private struct Shape: Decodable {
        struct Details: Decodable {
            var message: String
        }

        var error: Details
    }

    func response(requestID: String) -> Response {
        var fields = ForwardedHeaders.toClient(headers, requestID: requestID, redaction: redaction)
        let status = HTTPResponse.Status(code: Int(status.code))
        if headers.contains(name: "content-encoding"), let body {
            // It was not asked for, and is not looked into.
            return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: body))
        }
        if !concernsOwnKey, let shaped = shapedBody(requestID: requestID) {
            return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: shaped))
        }
        fields[.contentEncoding] = nil
        return OpenAIError(status, "provider_status_\(status.code)", message)
            .response(requestID: requestID, headers: fields)
    }

    private func shapedBody(requestID: String) -> ByteBuffer? {
        var scanned = JSONScanner(Self.names)
        if let body { try? scanned.scan(body) }
        guard let body, let root = scanned.root, scanned.isComplete,
            (try? JSONDecoder().decode(Shape.self, from: Data(body.readableBytesView))) != nil
        else { return nil }
        // The id is printable ASCII.
        let quoted = requestID.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        let edit =
            scanned["request_id"].map { JSONEdit($0.range, ByteBuffer(string: "\"\(quoted)\"")) }
            ?? JSONEdit(first: ByteBuffer(string: "\"request_id\":\"\(quoted)\""), in: root)
        return JSONEdit.apply([edit], to: [body]).reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    }

    /// Then nothing that the provider says is for the client.
    private var concernsOwnKey: Bool { status == .unauthorized && redaction != nil }

    private var message: String {
        if concernsOwnKey {
            return "The provider refused the API key of the proxy, not yours; tell whoever operates the proxy"
        }
        let reason = "The provider answered \(status.code) \(status.reasonPhrase)"
        let type = headers.first(name: "content-type") ?? ""
        guard type.hasPrefix("text/plain") || type.contains("json"), let body, body.readableBytes > 0 else {
            return reason
        }
        return "\(reason): \(String(buffer: body).prefix(Self.maxQuoted))"
    }
}
