import Foundation
@testable import SQLiteSpool
import TestSupport
import Testing

@Suite(.bounded) struct SpoolHealthTests {
    private static let noRoom = SpoolError(.full, "no room")
    private static let disk = SpoolError(.failed, "the disk")
    private static let moved = SpoolError(displaced: "/a/s")
    private static let damage = SpoolError(.damaged, "a record")

    private func health(after events: [SpoolHealth.Event]) -> SpoolHealth {
        events.reduce(into: SpoolHealth()) { $0.apply($1) }
    }

    @Test(
        arguments: [
            ([], .sound, nil), ([.foundNoRoom(noRoom)], .full, nil), ([.foundNoRoom(noRoom), .foundRoom], .sound, nil),
            ([.failed(disk)], .failed, disk), ([.foundNoRoom(noRoom), .failed(disk)], .failed, disk),
            ([.failed(disk), .foundRoom], .failed, disk), ([.failed(disk), .reopened], .sound, nil),
            ([.displaced(moved)], .displaced, nil), ([.displaced(moved), .placed], .sound, nil),
            ([.displaced(moved), .foundNoRoom(noRoom)], .displaced, nil),
            ([.displaced(moved), .failed(disk)], .failed, disk),
            ([.displaced(moved), .failed(disk), .reopened], .displaced, nil),
            ([.foundDamage(damage), .displaced(moved)], .damaged, nil),
            ([.foundDamage(damage)], .damaged, nil), ([.foundDamage(damage), .foundNoRoom(noRoom)], .damaged, nil),
            ([.foundDamage(damage), .foundNoRoom(noRoom), .foundRoom], .damaged, nil),
            ([.foundDamage(damage), .failed(disk)], .damaged, disk), ([.failed(damage)], .damaged, damage),
            ([.foundDamage(damage), .failed(disk), .reopened], .sound, nil),
        ] as [([SpoolHealth.Event], SpoolHealth.State, SpoolError?)]
    )
    func `the worst trouble is the state, and only its own end ends it`(
        events: [SpoolHealth.Event],
        state: SpoolHealth.State,
        refusal: SpoolError?
    ) {
        let health = health(after: events)
        #expect(health.state == state)
        #expect((health.reason == nil) == (state == .sound))
        #expect(health.refusal == refusal)
        #expect("\(OwnerNote.State(health))" == (state == .full ? "sound" : state.rawValue))
    }

    @Test func `a file is opened anew after a failure, but not when the failure is damage`() {
        #expect(health(after: [.failed(Self.disk)]).canReopen)
        #expect(health(after: [.foundDamage(Self.damage), .failed(Self.disk)]).canReopen)
        #expect(!health(after: [.failed(Self.damage)]).canReopen)
        #expect(!health(after: [.foundDamage(Self.damage)]).canReopen)
    }
}
