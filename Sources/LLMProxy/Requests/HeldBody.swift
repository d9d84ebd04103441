internal import NIOCore
internal import Synchronization

/// A request's body in memory, between its arrival and its being sent on. It is sent once, and freed as it is sent.
///
/// What it reserves in ``BodyMemory`` is what it takes of memory: it is kept in blocks of its own, as the buffers in
/// which it arrives may be far larger than what is in them, and a block never grows. Memory is reserved block by block as
/// the body arrives, so that a client that only says a great length takes none from others. The reservation is freed with
/// the blocks, and with the body at the latest.
final class HeldBody: Sendable {
    private struct State {
        var blocks: [ByteBuffer] = []
        /// How many of the blocks have been sent.
        var taken = 0
        var reserved = 0
    }

    /// One for each small body, and few enough for the largest.
    private static let blockSizes = 1 << 10...256 << 10

    /// Of a body that does not say its length, a block holds this part of what has arrived: more would stay empty.
    private static let spareShare = 8

    private let memory: BodyMemory
    private let state = Mutex(State())

    init(_ memory: BodyMemory) {
        self.memory = memory
    }

    deinit {
        memory.free(state.withLock(\.reserved))
    }

    /// What of it has not been sent.
    var readableBytes: Int {
        state.withLock { $0.blocks[$0.taken...].reduce(0) { $0 + $1.readableBytes } }
    }

    /// - Parameters:
    ///   - total: how long the body is going to be; nil when it does not say.
    ///   - held: how much of it has been appended.
    /// - Returns: false when there is no memory for it.
    func append(_ bytes: ByteBuffer, after held: Int, of total: Int?) -> Bool {
        var rest = bytes
        var held = held
        while rest.readableBytes > 0 {
            let room = state.withLock { $0.blocks.last?.writableBytes ?? 0 }
            if room == 0 {
                let block = Self.blockSize(for: total.map { $0 - held } ?? held / Self.spareShare)
                guard memory.reserve(block) else { return false }
                state.withLock { state in
                    state.reserved += block
                    // Has exactly this capacity, as it is a power of two.
                    state.blocks.append(ByteBufferAllocator().buffer(capacity: block))
                }
            }
            state.withLock { state in
                let last = state.blocks.count - 1
                let count = min(rest.readableBytes, state.blocks[last].writableBytes)
                if let part = rest.readSlice(length: count) { state.blocks[last].writeImmutableBuffer(part) }
                held += count
            }
        }
        return true
    }

    /// The greatest power of two that is not more than what is to come.
    private static func blockSize(for bytes: Int) -> Int {
        let bounded = min(max(bytes, blockSizes.lowerBound), blockSizes.upperBound)
        return 1 << (Int.bitWidth - 1 - bounded.leadingZeroBitCount)
    }

    func apply(_ edits: [JSONEdit]) {
        state.withLock { $0.blocks = JSONEdit.apply(edits, to: $0.blocks) }
    }

    /// Takes the next part out, for whoever sends it.
    func takeNext() -> ByteBuffer? {
        state.withLock { state in
            guard state.taken < state.blocks.count else { return nil }
            let next = state.blocks[state.taken]
            state.blocks[state.taken] = ByteBuffer()
            state.taken += 1
            // The last one frees what is left.
            let freed = state.taken == state.blocks.count ? state.reserved : min(state.reserved, next.readableBytes)
            state.reserved -= freed
            memory.free(freed)
            return next
        }
    }

    /// Takes all of it out, in one piece.
    func takeAll() -> ByteBuffer {
        var all = takeNext() ?? ByteBuffer()
        all.reserveCapacity(all.readableBytes + readableBytes)
        while let next = takeNext() { all.writeImmutableBuffer(next) }
        return all
    }
}

extension HeldBody {
    /// What is left of the body, taken out part by part.
    struct Parts: AsyncSequence, AsyncIteratorProtocol, Sendable {
        let body: HeldBody

        func next() async -> ByteBuffer? { body.takeNext() }

        func makeAsyncIterator() -> Parts { self }
    }

    var parts: Parts { Parts(body: self) }
}
