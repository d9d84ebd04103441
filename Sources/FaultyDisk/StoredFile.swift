/// A file as the disk has it, and what was asked of the disk since the latest sync.
struct StoredFile {
    enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)
    }

    /// What every power cut leaves.
    private(set) var durable: [UInt8]

    /// In the order in which they were asked for; each has a number that orders it among those of all files.
    private(set) var pending: [(number: Int, change: Change)] = []

    init(durable: [UInt8] = []) {
        self.durable = durable
    }

    mutating func add(_ change: Change, number: Int) {
        pending.append((number, change))
    }

    mutating func sync() {
        for (_, change) in pending { change.apply(to: &durable) { _ in true } }
        pending = []
    }

    /// A sync that failed: what was pending stays in the memory of the running system only.
    mutating func forgetPending() {
        pending = []
    }

    /// What a power cut leaves.
    ///
    /// - Parameter survives: whether a sector of a pending change is kept. A truncation has one sector.
    func afterPowerCut(_ survives: (_ number: Int) -> Bool) -> [UInt8] {
        var bytes = durable
        for (number, change) in pending { change.apply(to: &bytes) { _ in survives(number) } }
        return bytes
    }
}

extension StoredFile.Change {
    /// What a drive writes whole or not at all.
    static let sectorBytes = 512

    /// - Parameter survives: asked for each sector, by its number in the file, and once for a truncation.
    func apply(to bytes: inout [UInt8], where survives: (_ sector: Int) -> Bool) {
        switch self {
        case .truncate(let size):
            guard survives(0) else { return }
            bytes.extend(to: size)
            bytes.removeSubrange(size...)
        case .write(let offset, let new):
            var start = 0
            while start < new.count {
                let sector = (offset + start) / Self.sectorBytes
                let end = min(new.count, (sector + 1) * Self.sectorBytes - offset)
                if survives(sector) {
                    bytes.extend(to: offset + end)
                    bytes.replaceSubrange(offset + start..<offset + end, with: new[start..<end])
                }
                start = end
            }
        }
    }
}

extension [UInt8] {
    /// Holes read as zeros.
    fileprivate mutating func extend(to size: Int) {
        if count < size { append(contentsOf: repeatElement(0, count: size - count)) }
    }
}
