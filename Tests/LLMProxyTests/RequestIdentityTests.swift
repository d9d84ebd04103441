import Foundation
import HTTPTypes
@testable import llm_proxy
import Testing

@Suite struct RequestIdentityTests {
    private func headers(_ pairs: [String: String]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in pairs {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return fields
    }

    @Test func `ids are taken from the headers`() throws {
        let uuid = "3f2b6c1e-0b0a-4f6e-9d5a-0a1b2c3d4e5f"
        let identity = try RequestIdentity(
            headers(["X-Request-Id": "abc", "X-Org-Id": uuid, "X-Agent-Id": uuid.uppercased(), "X-Session-Id": uuid])
        )
        #expect(identity.requestID == "abc")
        for id in [identity.orgID, identity.agentID, try #require(identity.sessionID)] {
            #expect(id == UUID(uuidString: uuid))
        }
    }

    @Test func `what is absent is made or zero`() throws {
        let identity = try RequestIdentity(HTTPFields())
        #expect(UUID(uuidString: identity.requestID) != nil)
        #expect(identity.orgID == RequestIdentity.zero)
        #expect(identity.agentID == RequestIdentity.zero)
        #expect(identity.sessionID == nil)
        #expect(try RequestIdentity(HTTPFields()).requestID != identity.requestID)
    }

    @Test(arguments: [
        ("X-Org-Id", "x"), ("X-Agent-Id", ""), ("X-Session-Id", "3f2b6c1e0b0a4f6e9d5a0a1b2c3d4e5f"),
        ("X-Request-Id", "two words"), ("X-Request-Id", String(repeating: "x", count: 201)), ("X-Request-Id", "ü"),
    ])
    func `what is wrong is refused by the header's name`(name: String, value: String) {
        let error = #expect(throws: OpenAIError.self) { try RequestIdentity(headers([name: value])) }
        #expect(error?.message.contains(name) == true)
    }

    @Test func `the key's organisation is the request's, whatever the header leaves open`() throws {
        let (own, other) = (UUID(), UUID())
        #expect(try RequestIdentity(HTTPFields(), keyOrgID: own).orgID == own)
        #expect(try RequestIdentity(headers(["X-Org-Id": own.uuidString]), keyOrgID: own).orgID == own)
        let error = #expect(throws: OpenAIError.self) {
            try RequestIdentity(headers(["X-Org-Id": other.uuidString]), keyOrgID: own)
        }
        #expect(error?.status == .forbidden)
    }
}
