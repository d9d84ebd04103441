@testable import ClickHouseHTTP
import ClickHouseStandIn
import TestSupport
import Testing

/// The client against a server on a real socket.
@Suite(.startsProcesses) struct AsyncHTTPTransportTests {
    private func withClient(
        _ standIn: StandInServer,
        user: String? = nil,
        requestTimeout: Duration = .seconds(10),
        _ body: (InsertClient) async throws -> Void
    ) async throws {
        let client = InsertClient(
            endpoints: [try Endpoint.parse(standIn.url).endpoint],
            target: InsertTarget(database: "ibex", table: "t"),
            credentials: user.map { Credentials(user: $0, password: "p") },
            requestTimeout: requestTimeout,
            transport: AsyncHTTPTransport()
        )
        do {
            try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    private let rows = Array("{\"a\":1}\n{\"a\":2}\n".utf8)

    @Test func `a batch is stored, and once under one token`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                try await withClient(standIn) { client in
                    for _ in 0..<3 { #expect(await client.insert(rows, token: "T") == .accepted) }
                }
                #expect(try await standIn.store.rows(database: "ibex", table: "t") == ["{\"a\":1}", "{\"a\":2}"])
            }
        }
    }

    @Test func `a server without the modern settings takes a batch too`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, knowsModernSettings: false) { standIn in
                try await withClient(standIn) { #expect(await $0.insert(rows, token: "T") == .accepted) }
            }
        }
    }

    @Test(arguments: [
        (Fault.error(status: 500, code: 241, message: "Memory limit"), InsertFailure.Kind.transient),
        (.error(status: 404, code: 60, message: "Table does not exist"), .destination),
        (.error(status: 502, code: nil, message: "<html>Bad gateway</html>"), .outcomeUnknown),
        (.error(status: 500, code: nil, message: String(repeating: "x", count: 1 << 20)), .outcomeUnknown),
        (.errorAfterProcessing(status: 500, code: 999, message: "Session expired"), .transient),
        (.hang, .outcomeUnknown),
        (.dropBeforeProcessing, .outcomeUnknown),
        (.dropAfterProcessing, .outcomeUnknown),
        (.redirect(to: "/ping"), .outcomeUnknown),
        (.unexpectedBody("Ok.\n"), .outcomeUnknown),
        (.foreignQueryID, .outcomeUnknown),
        (.garbage, .outcomeUnknown),
    ])
    func `no fault passes for acceptance, and the same batch is stored once afterwards`(
        fault: Fault,
        kind: InsertFailure.Kind
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                let timeout: Duration = fault == .hang ? .milliseconds(200) : .seconds(10)
                try await withClient(standIn, requestTimeout: timeout) { client in
                    standIn.faults.add(fault)
                    var outcome = await client.insert(rows, token: "T")
                    // With the short timeout a busy machine may not even get as far as the insert.
                    while standIn.journal.inserts.isEmpty, !Task.isCancelled {
                        outcome = await client.insert(rows, token: "T")
                    }
                    guard case .failed(let failure) = outcome else {
                        Issue.record("accepted")
                        return
                    }
                    #expect(failure.kind == kind, "\(failure)")
                    #expect(failure.message.count <= 501)
                }
                // Another client, whose timeout is not the short one that makes a hanging server quick to test.
                try await withClient(standIn) { #expect(await $0.insert(rows, token: "T") == .accepted) }
                #expect(try await standIn.store.rows(database: "ibex", table: "t").count == 2)
            }
        }
    }

    @Test func `a row that is no JSON is the data's fault, and names its row`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory) { standIn in
                try await withClient(standIn) { client in
                    let outcome = await client.insert(Array("{\"a\":1}\noops\n".utf8), token: "T")
                    guard case .failed(let failure) = outcome else { Issue.record("accepted"); return }
                    #expect(failure.kind == .data)
                    #expect(failure.message.contains("(at row 2)"))
                }
                #expect(try await standIn.store.rows(database: "ibex", table: "t").isEmpty)
            }
        }
    }

    @Test func `nobody listening is transient, and said at once`() async throws {
        try await withTemporaryDirectory { directory in
            let url = try await withStandIn(in: directory) { $0.url }
            let client = InsertClient(
                endpoints: [try Endpoint.parse(url).endpoint],
                target: InsertTarget(database: "ibex", table: "t"),
                credentials: nil,
                requestTimeout: .seconds(30),
                transport: AsyncHTTPTransport()
            )
            let outcome = await client.insert(rows, token: "T")
            await client.close()
            guard case .failed(let failure) = outcome else { Issue.record("accepted"); return }
            #expect(failure.kind == .transient)
            #expect(failure.message.contains("cannot connect"))
        }
    }

    @Test func `the user is sent`() async throws {
        try await withTemporaryDirectory { directory in
            try await withStandIn(in: directory, requiredUser: "writer") { standIn in
                try await withClient(standIn, user: "writer") {
                    #expect(await $0.insert(rows, token: "T") == .accepted)
                }
                try await withClient(standIn, user: "reader") { client in
                    guard case .failed(let failure) = await client.insert(rows, token: "T") else {
                        Issue.record("accepted")
                        return
                    }
                    #expect(failure.kind == .destination)
                    #expect(failure.code == 516)
                }
            }
        }
    }
}
