@testable import llm_proxy
import NIOCore
import TestSupport
import Testing

@Suite(.bounded) struct HeldBodyTests {
    private static let memory = 1 << 20

    /// - Returns: nil where there was no memory for it.
    private func hold(_ total: Int, of memory: BodyMemory, saysLength: Bool, pieces: Int = 10_000) -> HeldBody? {
        let body = HeldBody(memory)
        var held = 0
        while held < total {
            let count = min(pieces, total - held)
            let piece = ByteBuffer(bytes: (held..<held + count).map { UInt8($0 % 251) })
            guard body.append(piece, after: held, of: saysLength ? total : nil) else { return nil }
            held += count
        }
        return body
    }

    @Test(arguments: [true, false])
    func `a body comes out as it went in, and what it reserved is free when it is out`(saysLength: Bool) async throws {
        for total in [0, 1, 1_023, 1_025, 70_000, 600_000] {
            let memory = BodyMemory(limit: 2 << 20)
            let body = try #require(hold(total, of: memory, saysLength: saysLength, pieces: 7_777))
            #expect(body.readableBytes == total)
            #expect(Double(memory.reservedBytes) <= 1.2 * Double(total) + 1_024)
            var bytes = ByteBuffer()
            for await part in body.parts {
                #expect(part.storageCapacity <= 256 << 10)
                bytes.writeImmutableBuffer(part)
            }
            #expect(Array(bytes.readableBytesView) == (0..<total).map { UInt8($0 % 251) })
            #expect(memory.reservedBytes == 0 && body.readableBytes == 0)
        }
    }

    @Test(arguments: [true, false])
    func `the memory of a body is a fifth more than the body at most`(saysLength: Bool) throws {
        for total in [100_000, 333_333, 1_000_000] {
            let body = try #require(hold(total, of: BodyMemory(limit: total + total / 5), saysLength: saysLength))
            var capacity = 0
            while let part = body.takeNext() { capacity += part.storageCapacity }
            #expect(Double(capacity) <= 1.2 * Double(total))
        }
    }

    @Test(arguments: [true, false])
    func `a body takes memory as it comes, and none when there is no more`(saysLength: Bool) throws {
        let memory = BodyMemory(limit: Self.memory)
        let first = HeldBody(memory)
        #expect(first.append(ByteBuffer(repeating: 0, count: 10_000), after: 0, of: 1 << 30))
        #expect(memory.reservedBytes <= 256 << 10, "what only was announced takes none")
        #expect(hold(Self.memory, of: memory, saysLength: saysLength) == nil)
        let small = try #require(hold(50_000, of: memory, saysLength: saysLength))
        #expect(small.readableBytes == 50_000)
        _ = first
    }

    @Test func `a reservation is freed once, whether the body is sent, half sent, edited or dropped`() throws {
        let memory = BodyMemory(limit: Self.memory)
        do {
            let body = try #require(hold(600_000, of: memory, saysLength: true))
            #expect((600_000..<601_024).contains(memory.reservedBytes))
            body.apply([JSONEdit(10..<20, ByteBuffer(string: "in its place"))])
            #expect(body.readableBytes == 600_002)
            let whole = memory.reservedBytes
            #expect(body.takeNext() != nil)
            #expect((1..<whole).contains(memory.reservedBytes))
        }
        #expect(memory.reservedBytes == 0)
        let whole = try #require(hold(600_000, of: memory, saysLength: false))
        #expect(whole.takeAll().readableBytes == 600_000)
        #expect(memory.reservedBytes == 0)
        #expect(hold(2 * Self.memory, of: memory, saysLength: false) == nil)
        #expect(memory.reservedBytes == 0)
    }

    @Test func `small pieces of large buffers do not keep the buffers`() throws {
        let memory = BodyMemory(limit: Self.memory)
        let body = HeldBody(memory)
        var buffer = ByteBuffer(repeating: 1, count: 64 << 10)
        let slice = buffer.readSlice(length: 10)
        let piece = try #require(slice)
        for index in 0..<100 { #expect(body.append(piece, after: 10 * index, of: nil)) }
        #expect(memory.reservedBytes <= 4_096)
        let first = try #require(body.takeNext())
        #expect(first.storageCapacity <= 4_096)
    }
}

extension BodyMemory {
    fileprivate var reservedBytes: Int { limit - freeBytes }
}
