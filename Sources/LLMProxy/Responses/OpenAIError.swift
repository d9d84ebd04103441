internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationEssentialsCompat

/// An error of the proxy's own, in the shape that OpenAI's clients read.
struct OpenAIError: Error, Equatable {
    let status: HTTPResponse.Status
    let code: String
    let message: String

    /// When the client may try again; nil says nothing of it.
    let retryAfterSeconds: Int?

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    private struct Body: Encodable {
        struct Details: Encodable {
            var message: String
            var type: String
            var code: String
        }

        var requestId: String
        var error: Details
    }

    /// - Parameter headers: what the response carries beside the body and the request's id.
    func response(requestID: String, headers: HTTPFields = HTTPFields()) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        headers[.xRequestID] = requestID
        if let retryAfterSeconds { headers[.retryAfter] = "\(retryAfterSeconds)" }
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        if status == .methodNotAllowed { headers[.allow] = "GET, HEAD, POST" }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: body(requestID: requestID)))
    }

    private func body(requestID: String) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = Body(requestId: requestID, error: Body.Details(message: message, type: type, code: code))
        // Strings always encode.
        return ByteBuffer(data: (try? encoder.encode(body)) ?? Data())
    }

    /// As OpenAI names them.
    private var type: String {
        switch status {
        case .unauthorized: "authentication_error"
        case .forbidden: "permission_error"
        case .tooManyRequests: "rate_limit_error"
        default: status.kind == .clientError ? "invalid_request_error" : "api_error"
        }
    }
}
