internal import Foundation
internal import HTTPTypes

/// Who asks, and under which id: taken from the request's headers.
struct RequestIdentity: Sendable, Equatable {
    struct Invalid: Error {
        let message: String
    }

    var requestID: String
    /// The zero UUID when no header names one, as for `agentID`.
    var orgID: UUID
    var agentID: UUID
    var sessionID: UUID?

    static let zero = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    private static let maxRequestIDLength = 200

    /// - Throws: ``Invalid`` naming the header.
    init(_ headers: HTTPFields) throws(Invalid) {
        requestID = try Self.requestID(of: headers)
        orgID = try Self.uuid(headers, .xOrgID) ?? Self.zero
        agentID = try Self.uuid(headers, .xAgentID) ?? Self.zero
        sessionID = try Self.uuid(headers, .xSessionID)
    }

    /// The id that the request names, or a new one.
    static func requestID(of headers: HTTPFields) throws(Invalid) -> String {
        guard let text = headers[.xRequestID], !text.isEmpty else { return UUID().uuidString.lowercased() }
        guard text.utf8.count <= maxRequestIDLength, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw Invalid(
                message:
                    "X-Request-Id must be at most \(maxRequestIDLength) characters of printable ASCII without spaces"
            )
        }
        return text
    }

    private static func uuid(_ headers: HTTPFields, _ name: HTTPField.Name) throws(Invalid) -> UUID? {
        guard let text = headers[name] else { return nil }
        guard let uuid = UUID(uuidString: text) else {
            throw Invalid(message: "\(name.rawName) must be a UUID like 3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f")
        }
        return uuid
    }
}

extension HTTPField.Name {
    static let xRequestID = named("X-Request-Id")
    static let xOrgID = named("X-Org-Id")
    static let xAgentID = named("X-Agent-Id")
    static let xSessionID = named("X-Session-Id")

    private static func named(_ name: String) -> HTTPField.Name {
        guard let field = HTTPField.Name(name) else { preconditionFailure("\(name) is not a header's name") }
        return field
    }
}
