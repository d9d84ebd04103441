/// Everything that a disk knows: what is durable, what is not, and when it fails. Pure, so that it can be tested without
/// files.
struct DiskState {
    enum NameChange {
        case link(name: String, file: Int)
        case unlink(name: String)
        case rename(name: String, to: String)
    }

    /// Files by number. One that has no name any more may still be open.
    private(set) var files: [Int: StoredFile] = [:]
    /// The running system's view.
    private(set) var names: [String: Int] = [:]
    private(set) var durableNames: [String: Int] = [:]
    private(set) var pendingNames: [(number: Int, change: NameChange)] = []

    private(set) var isOff = false
    private(set) var fault: Fault?
    private(set) var faultsSeen = 0
    /// A sync has failed, and no file was opened since.
    private(set) var hasSyncFailedUnopened = false
    /// The kind of each call so far.
    private(set) var calls: [DiskCall] = []
    private var counts: [DiskCall: Int] = [:]
    /// Calls so far that change the disk.
    private(set) var operations = 0

    /// The operation during which the power goes.
    private var cut: Int?
    /// The file whose next sync fails, and the operation during which the power goes, counted from there.
    private var failingSync: (name: String, operationsToCut: Int?)?

    init(files contents: [String: [UInt8]], cutAt cut: Int?, fault: Fault?) {
        for (number, entry) in contents.enumerated() {
            files[number] = StoredFile(durable: entry.value)
            names[entry.key] = number
        }
        durableNames = names
        self.cut = cut
        self.fault = fault
    }

    /// Counts a call and does to the disk what it does.
    ///
    /// The power goes during an operation: a write is pending then, a sync has made nothing durable.
    ///
    /// - Returns: how the call fails; nil when it is to be carried out.
    mutating func begin(_ call: DiskCall, _ change: DiskChange = .nothing) -> DiskFailure? {
        if isOff { return .powerIsOff }
        calls.append(call)
        counts[call, default: 0] += 1
        if call == .open { hasSyncFailedUnopened = false }
        if case .sync(let file) = change, let failing = failingSync, names[failing.name] == file {
            failingSync = nil
            return fail(.sync, change, operationsToCut: failing.operationsToCut)
        }
        let number = fault?.counted.map { counts[$0, default: 0] } ?? calls.count
        if let fault, fault.hits(call, number: number, hasHit: faultsSeen > 0) {
            return fail(fault.kind, change, operationsToCut: fault.operationsToCut)
        }
        return perform(change)
    }

    /// A change that belongs to the call before it, and fails only with the power.
    mutating func perform(_ change: DiskChange) -> DiskFailure? {
        if isOff { return .powerIsOff }
        if case .nothing = change { return nil }
        operations += 1
        guard operations == cut else {
            apply(change)
            return nil
        }
        isOff = true
        switch change {
        case .sync, .syncDirectory: break
        default: apply(change)
        }
        return .powerIsOff
    }

    /// The power goes now, if it has not already.
    mutating func cutPower() {
        isOff = true
    }

    mutating func repair() {
        fault = nil
    }

    mutating func failNextSync(of name: String, operationsToCut: Int? = nil) {
        failingSync = (name, operationsToCut)
    }

    private mutating func apply(_ change: DiskChange) {
        switch change {
        case .nothing: break
        case .write(let file, let offset, let bytes):
            files[file]?.add(.write(offset: offset, bytes: bytes), number: operations)
        case .truncate(let file, let size): files[file]?.add(.truncate(size: size), number: operations)
        case .sync(let file): files[file]?.sync()
        case .create(let name):
            files[files.count] = StoredFile()
            rename(.link(name: name, file: files.count - 1))
        case .remove(let name): rename(.unlink(name: name))
        case .rename(let name, let new): rename(.rename(name: name, to: new))
        case .syncDirectory:
            for (_, change) in pendingNames { change.apply(to: &durableNames) }
            pendingNames = []
        }
    }

    private mutating func rename(_ change: NameChange) {
        pendingNames.append((operations, change))
        change.apply(to: &names)
    }

    private mutating func fail(
        _ fault: Fault.Kind,
        _ change: DiskChange,
        operationsToCut: Int?
    ) -> DiskFailure {
        faultsSeen += 1
        switch (fault, change) {
        case (.shortWrite, .write(let file, let offset, let bytes)):
            operations += 1
            apply(.write(file: file, offset: offset, bytes: Array(bytes.prefix(bytes.count / 2))))
        case (.sync, .sync(let file)), (.inputOutput, .sync(let file)):
            files[file]?.forgetPending()
            hasSyncFailedUnopened = true
        default: break
        }
        if cut == nil { cut = operationsToCut.map { operations + $0 } }
        return .fault(fault)
    }

    /// The files that are there when the power comes back.
    func afterPowerCut(
        _ survival: Survival,
        using generator: inout some RandomNumberGenerator
    ) -> [String: [UInt8]] {
        let pending = files.values.flatMap { $0.pending.map(\.number) } + pendingNames.map(\.number)
        var draw = SurvivalDraw(survival, numbers: pending.sorted(), using: generator)
        var kept = durableNames
        for (_, change) in pendingNames.prefix(draw.keptNameChanges(pendingNames.map(\.number))) {
            change.apply(to: &kept)
        }
        var result: [String: [UInt8]] = [:]
        // In one order, so that the same numbers are drawn for the same changes.
        for (name, file) in kept.sorted(by: { $0.key < $1.key }) {
            result[name] = files[file]?.afterPowerCut { draw.keepsSector(ofChange: $0) }
        }
        // The caller's next draw must not repeat this one's.
        _ = generator.next()
        return result
    }
}

extension DiskState.NameChange {
    func apply(to names: inout [String: Int]) {
        switch self {
        case .link(let name, let file): names[name] = file
        case .unlink(let name): names[name] = nil
        case .rename(let name, let new): names[new] = names.removeValue(forKey: name)
        }
    }
}
