import SQLiteSpool
@testable import spoolctl
import Testing

@Suite struct DrainTargetTests {
    private static let recorded = SpoolDestination(database: "d", table: "t", idColumn: "i", timeColumn: "at")

    private typealias Request = DrainTarget.Request

    @Test func `the spool says where its records go`() throws {
        #expect(try DrainTarget.decide(Self.recorded, Request()) == Self.recorded)
        #expect(try DrainTarget.decide(Self.recorded, Request(database: "d", table: "t")) == Self.recorded)
        let other = try DrainTarget.decide(Self.recorded, Request(idColumn: "j"))
        #expect(other == SpoolDestination(database: "d", table: "t", idColumn: "j", timeColumn: "at"))
    }

    @Test(arguments: [Request(table: "u"), Request(database: "e"), Request(database: "t", table: "d")])
    func `another table is refused unless it is forced`(request: DrainTarget.Request) throws {
        let refusal = #expect(throws: DrainTarget.Refusal.self) { try DrainTarget.decide(Self.recorded, request) }
        #expect(
            refusal?.description.contains("go to d.t, and \(request.database ?? "d").\(request.table ?? "t")") == true
        )
        var forced = request
        forced.forcesTable = true
        let destination = try DrainTarget.decide(Self.recorded, forced)
        #expect(destination.table == request.table ?? "t")
        #expect(destination.database == request.database ?? "d")
        #expect(destination.idColumn == "i")
    }

    @Test func `a spool that does not say it needs both`() throws {
        for request in [Request(), Request(database: "d"), Request(table: "t")] {
            let refusal = #expect(throws: DrainTarget.Refusal.self) { try DrainTarget.decide(nil, request) }
            #expect(refusal?.description.contains("give --database and --table") == true)
        }
        let destination = try DrainTarget.decide(nil, Request(database: "d", table: "t"))
        #expect(destination == SpoolDestination(database: "d", table: "t"))
    }
}
