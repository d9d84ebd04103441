@testable import FaultyDisk
import Testing

@Suite struct DiskStateTests {
    @Test func `what was not synced is gone, or there, as the cut has it`() {
        var disk = disk()
        #expect(disk.write(1, count: 600) == nil)
        #expect(disk.leftOf("f", .nothing) == [])
        #expect(disk.leftOf("f", .everything) == [UInt8](1, 600))
    }

    @Test(arguments: Survival.allCases)
    func `what was synced survives every cut`(survival: Survival) {
        var disk = disk()
        _ = disk.write(1, count: 600)
        #expect(disk.sync() == nil)
        _ = disk.write(2, count: 100, at: 600)
        for seed in 1...20 {
            #expect(disk.leftOf("f", survival, seed: UInt64(seed))?.prefix(600) == [UInt8](1, 600)[...])
        }
    }

    @Test func `a write is torn at sectors, and at nothing smaller`() {
        var disk = disk(content: [UInt8](9, 4096))
        _ = disk.write(1, count: 2000, at: 100)
        var seen: Set<[UInt8]> = []
        for seed in 1...100 {
            let left = disk.leftOf("f", .scattered, seed: UInt64(seed)) ?? []
            #expect(left.count == 4096)
            #expect(left.prefix(100).allSatisfy { $0 == 9 } && left.suffix(from: 2100).allSatisfy { $0 == 9 })
            for sector in [100..<512, 512..<1024, 1024..<1536, 1536..<2048, 2048..<2100] {
                #expect(Set(left[sector]).count == 1)
            }
            seen.insert(left)
        }
        #expect(seen.count > 20)
    }

    @Test func `writes survive in order or against it, and a hole reads as zeros`() {
        var disk = disk()
        for number in 0..<4 { _ = disk.write(UInt8(number + 1), count: 512, at: number * 512) }
        for seed in 1...50 {
            let prefix = disk.leftOf("f", .prefix, seed: UInt64(seed)) ?? []
            #expect([0, 512, 1024, 1536].contains(prefix.count))
            #expect(stride(from: 0, to: prefix.count, by: 512).allSatisfy { prefix[$0] == UInt8($0 / 512 + 1) })
            let suffix = disk.leftOf("f", .suffix, seed: UInt64(seed)) ?? []
            let holes = suffix.prefix { $0 == 0 }.count
            #expect(suffix.count == 2048)
            #expect(stride(from: holes, to: 2048, by: 512).allSatisfy { suffix[$0] == UInt8($0 / 512 + 1) })
        }
    }

    @Test func `a truncation is as unsure as a write`() {
        var disk = disk(content: [UInt8](9, 2000))
        #expect(disk.begin(.truncate, .truncate(file: 0, size: 10)) == nil)
        #expect(disk.leftOf("f", .nothing)?.count == 2000)
        #expect(disk.leftOf("f", .everything)?.count == 10)
        _ = disk.sync()
        #expect(disk.leftOf("f", .nothing)?.count == 10)
    }

    @Test func `names need the directory's sync, and survive in order`() {
        var disk = disk(content: [1])
        _ = disk.begin(.create, .create(name: "g"))
        _ = disk.begin(.rename, .rename(name: "f", to: "h"))
        _ = disk.begin(.remove, .remove(name: "g"))
        #expect(names(of: disk, .nothing) == ["f"])
        #expect(names(of: disk, .everything) == ["h"])
        let possible: Set<[String]> = [["f"], ["f", "g"], ["g", "h"], ["h"]]
        let seen = Set((1...100).map { names(of: disk, .scattered, seed: $0) })
        #expect(seen == possible)
        #expect(disk.begin(.syncDirectory, .syncDirectory) == nil)
        #expect(names(of: disk, .nothing) == ["h"])
        #expect(disk.leftOf("h", .nothing) == [1])
    }

    private func names(of disk: DiskState, _ survival: Survival, seed: UInt64 = 1) -> [String] {
        var generator = FixedGenerator(seed)
        return disk.afterPowerCut(survival, using: &generator).keys.sorted()
    }

    @Test func `a synced file without a durable name is gone`() {
        var disk = disk()
        _ = disk.begin(.create, .create(name: "g"))
        _ = disk.begin(.write, .write(file: 1, offset: 0, bytes: [7]))
        _ = disk.begin(.sync, .sync(file: 1))
        #expect(disk.leftOf("g", .nothing) == nil)
        #expect(disk.leftOf("g", .everything) == [7])
    }

    @Test func `the power goes during an operation, and then nothing succeeds`() {
        var disk = disk(cutAt: 2)
        #expect(disk.write(1, count: 512) == nil)
        #expect(disk.begin(.read) == nil)
        #expect(disk.sync() != nil)
        #expect(disk.isOff)
        #expect(disk.begin(.read) != nil)
        #expect(disk.write(2, count: 512) != nil)
        #expect(disk.leftOf("f", .nothing) == [])
        #expect(disk.leftOf("f", .everything) == [UInt8](1, 512))
    }

    @Test func `the write during which the power goes may be there`() {
        var disk = disk(cutAt: 1)
        #expect(disk.write(1, count: 512) != nil)
        #expect(disk.leftOf("f", .everything) == [UInt8](1, 512))
        #expect(disk.leftOf("f", .nothing) == [])
    }
}
