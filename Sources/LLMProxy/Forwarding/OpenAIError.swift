internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationEssentialsCompat

/// An error of the proxy's own, in the shape that OpenAI's clients read.
struct OpenAIError: Error {
    let status: HTTPResponse.Status
    let code: String
    let message: String

    private struct Body: Encodable {
        struct Details: Encodable {
            var message: String
            var type: String
            var code: String
        }

        var error: Details
    }

    func response(requestID: String?) -> Response {
        let type = status.kind == .clientError ? "invalid_request_error" : "api_error"
        let body = Body(error: Body.Details(message: message, type: type, code: code))
        // Strings always encode.
        let data = (try? JSONEncoder().encode(body)) ?? Data()
        var headers: HTTPFields = [.contentType: "application/json"]
        headers[.xRequestID] = requestID
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(data: data)))
    }
}
