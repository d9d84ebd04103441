internal import Foundation
internal import HTTPTypes

/// Who asks, and under which id: taken from the request's headers.
struct RequestIdentity: Sendable, Equatable {
    var requestID: String
    /// The zero UUID when no header names one, as for `agentID`.
    var orgID: UUID
    var agentID: UUID
    var sessionID: UUID?

    static let zero = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    private static let maxRequestIDLength = 200

    /// - Parameter keyOrgID: whom the client's key belongs to; nil lets the header say it.
    /// - Throws: ``OpenAIError`` naming the header.
    init(_ headers: HTTPFields, keyOrgID: UUID? = nil) throws(OpenAIError) {
        requestID = try Self.requestID(of: headers)
        let namedOrgID = try Self.uuid(headers, .xOrgID)
        guard keyOrgID == nil || namedOrgID == nil || keyOrgID == namedOrgID else {
            throw OpenAIError(.forbidden, "wrong_organization", "X-Org-Id is not the organisation of this API key")
        }
        orgID = keyOrgID ?? namedOrgID ?? Self.zero
        agentID = try Self.uuid(headers, .xAgentID) ?? Self.zero
        sessionID = try Self.uuid(headers, .xSessionID)
    }

    /// The id that the request names, or a new one.
    static func requestID(of headers: HTTPFields) throws(OpenAIError) -> String {
        guard let text = headers[.xRequestID], !text.isEmpty else { return makeRequestID() }
        guard text.utf8.count <= maxRequestIDLength, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw invalid(
                "X-Request-Id must be at most \(maxRequestIDLength) characters of printable ASCII without spaces"
            )
        }
        return text
    }

    static func makeRequestID() -> String { UUID().uuidString.lowercased() }

    private static func uuid(_ headers: HTTPFields, _ name: HTTPField.Name) throws(OpenAIError) -> UUID? {
        guard let text = headers[name] else { return nil }
        guard let uuid = UUID(uuidString: text) else {
            throw invalid("\(name.rawName) must be a UUID like 3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f")
        }
        return uuid
    }

    private static func invalid(_ message: String) -> OpenAIError {
        OpenAIError(.badRequest, "invalid_header", message)
    }
}

extension HTTPField.Name {
    static let xRequestID = named("X-Request-Id")
    static let xProviderRequestID = named("X-Provider-Request-Id")
    static let xAPIKey = named("X-Api-Key")
    static let xOrgID = named("X-Org-Id")
    static let xAgentID = named("X-Agent-Id")
    static let xSessionID = named("X-Session-Id")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is not a header's name") }
        return field
    }
}
