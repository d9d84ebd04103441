import SQLiteSpool
@testable import spoolctl
import Testing

@Suite struct DrainTargetTests {
    private static let recorded = SpoolDestination(database: "d", table: "t", idColumn: "i", timeColumn: "at")
    private static let found = Finding(destination: recorded, schemaVersion: 4, inFlight: 1)

    private typealias Finding = DrainTarget.Finding
    private typealias Request = DrainTarget.Request

    @Test func `the spool says where its records go`() throws {
        #expect(try DrainTarget.decide(Self.found, Request()) == Self.recorded)
        #expect(try DrainTarget.decide(Self.found, Request(database: "d", table: "t")) == Self.recorded)
        let other = try DrainTarget.decide(Self.found, Request(idColumn: "j"))
        #expect(other == SpoolDestination(database: "d", table: "t", idColumn: "j", timeColumn: "at"))
    }

    @Test(arguments: [Request(table: "u"), Request(database: "e"), Request(database: "t", table: "d")])
    func `another table is refused unless it is forced`(request: DrainTarget.Request) throws {
        let refusal = #expect(throws: DrainTarget.Refusal.self) { try DrainTarget.decide(Self.found, request) }
        #expect(
            refusal?.description.contains("go to d.t, and \(request.database ?? "d").\(request.table ?? "t")") == true
        )
        var forced = request
        forced.forcesTable = true
        let destination = try DrainTarget.decide(Self.found, forced)
        #expect(destination.table == request.table ?? "t")
        #expect(destination.database == request.database ?? "d")
        #expect(destination.idColumn == "i")
    }

    @Test(arguments: [
        (3, "as its writer was of an older version"), (4, "as its writer never began to deliver"),
        (nil, "the spool is damaged where it says where its records go"),
    ])
    func `a spool that does not say it needs both, and the refusal names all that is to be told`(
        version: Int?,
        why: String
    ) throws {
        let found = Finding(schemaVersion: version, inFlight: 0)
        for request in [Request(), Request(database: "d"), Request(table: "t", goesWithoutID: true)] {
            let refusal = try #require(throws: DrainTarget.Refusal.self) { try DrainTarget.decide(found, request) }
            #expect(refusal.description.contains(why))
            #expect(refusal.description.contains("give --database and --table, and --id-column"))
            #expect(refusal.description.contains("--time-column"))
            #expect(refusal.description.contains("--no-id-column"))
        }
        let destination = try DrainTarget.decide(found, Request(database: "d", table: "t"))
        #expect(destination == SpoolDestination(database: "d", table: "t"))
    }

    @Test(arguments: [(3, "31 records in batches that were begun"), (nil, "batches may have been begun")])
    func `with batches in flight it needs a column that tells records apart, or to be told that there is none`(
        version: Int?,
        doubt: String
    ) throws {
        let found = Finding(schemaVersion: version, inFlight: version.map { _ in 31 })
        let request = Request(database: "d", table: "t")
        let refusal = try #require(throws: DrainTarget.Refusal.self) { try DrainTarget.decide(found, request) }
        #expect(refusal.description.contains(doubt))
        #expect(refusal.description.contains("Give --id-column"))
        var told = request
        told.idColumn = "i"
        #expect(try DrainTarget.decide(found, told).idColumn == "i")
        told = request
        told.goesWithoutID = true
        #expect(try DrainTarget.decide(found, told).idColumn == nil)
    }

    @Test func `a spool that says its table and no column had a writer without one, and goes on as that would`() throws
    {
        let recorded = SpoolDestination(database: "d", table: "t")
        let found = Finding(destination: recorded, schemaVersion: 4, inFlight: 31)
        #expect(try DrainTarget.decide(found, Request()) == recorded)
    }
}
