@testable import FaultyDisk
import Testing

@Suite struct FaultTests {
    @Test func `a fault hits its call and no other`() {
        var disk = disk(fault: Fault(.inputOutput, atCall: 2, isForGood: false))
        #expect(disk.begin(.read) == nil)
        #expect(disk.write(1, count: 10) != nil)
        #expect(disk.write(2, count: 10) == nil)
        #expect(disk.leftOf("f", .everything) == [UInt8](2, 10))
        #expect(disk.faultsSeen == 1)
        #expect(disk.calls == [.read, .write, .write])
    }

    @Test func `a disk that is dead for good fails at everything`() {
        var disk = disk(fault: Fault(.inputOutput, atCall: 2, isForGood: true))
        #expect(disk.begin(.read) == nil)
        #expect(disk.begin(.read) != nil)
        #expect(disk.begin(.shmLock) != nil)
        #expect(disk.sync() != nil)
        disk.repair()
        #expect(disk.sync() == nil)
    }

    @Test func `a disk that is full for good still reads and syncs`() {
        var disk = disk(fault: Fault(.noSpace, atCall: 1, isForGood: true))
        #expect(disk.write(1, count: 10) != nil)
        #expect(disk.begin(.read) == nil)
        #expect(disk.sync() == nil)
        #expect(disk.write(1, count: 10) != nil)
        #expect(disk.leftOf("f", .everything) == [])
    }

    @Test func `a short write leaves its first half`() {
        var disk = disk(fault: Fault(.shortWrite, atCall: 1, isForGood: false))
        #expect(disk.write(1, count: 1000) != nil)
        #expect(disk.leftOf("f", .everything) == [UInt8](1, 500))
    }

    @Test func `what a failed sync did not write is not written by the next`() {
        var disk = disk(fault: Fault(.sync, atCall: 2, isForGood: false))
        _ = disk.write(1, count: 512)
        #expect(disk.sync() != nil)
        _ = disk.write(2, count: 512, at: 512)
        #expect(disk.sync() == nil)
        for survival in Survival.allCases {
            #expect(disk.leftOf("f", survival) == [UInt8](0, 512) + [UInt8](2, 512))
        }
        _ = disk.write(1, count: 512)
        #expect(disk.sync() == nil)
        #expect(disk.leftOf("f", .nothing) == [UInt8](1, 512) + [UInt8](2, 512))
    }

    @Test func `a fault counts the calls of one kind, or waits for the sync of one file`() {
        var counting = disk(fault: Fault(.sync, atCall: 2, of: .sync, isForGood: false))
        #expect(counting.sync() == nil)
        #expect(counting.write(1, count: 10) == nil)
        #expect(counting.sync() != nil)
        #expect(counting.sync() == nil)
        var waiting = disk()
        waiting.failNextSync(of: "g")
        #expect(waiting.sync() == nil)
        waiting.failNextSync(of: "f")
        #expect(waiting.write(1, count: 10) == nil)
        #expect(waiting.sync() != nil)
        #expect(waiting.sync() == nil)
        #expect(waiting.leftOf("f", .everything) == [])
    }

    @Test func `every call can fail`() {
        for call in DiskCall.allCases { #expect(!call.faults.isEmpty) }
    }
}
