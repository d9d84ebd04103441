/// How old records are, whatever the wall clock that stamped them is set to: what has passed by a clock that is never set, and, for what
/// an earlier owner stored, what passed before by the stamps, as far as they can be true.
struct RecordAges {
    /// Before this no record was written: a machine without a battery for its clock starts in 1970.
    private static let firstStamp = WallInstant(milliseconds: 1_767_225_600_000)  // 2026-01-01

    /// Records up to this id were there when the owner opened the spool.
    private let recoveredThrough: Int64
    private let openedAt: WallInstant

    /// How the two clocks stood when they last differed.
    private var reference: (wall: WallInstant, elapsed: Duration)

    /// By how much the wall clock was set, on top of the time that passed, since the records up to an id were stored.
    private var jumps: [(through: Int64, by: Duration)] = []

    init(recoveredThrough: Int64, clock: any WallClock) {
        self.recoveredThrough = recoveredThrough
        openedAt = clock.now
        reference = (openedAt, clock.elapsed)
    }

    /// Notices a clock that was set. To be called before records are stamped or judged with the same `now`.
    mutating func look(at now: WallInstant, elapsed: Duration, _ ledger: Ledger) {
        let jump = reference.wall.duration(to: now) - (elapsed - reference.elapsed)
        guard jump >= .seconds(1) || jump <= .seconds(-1) else { return }
        reference = (now, elapsed)
        jumps.removeAll { $0.through <= ledger.frozenThrough }
        jumps.append((ledger.lastID, jump))
    }

    func age(of id: Int64, enqueuedAt stamp: Int64, now: WallInstant) -> Duration {
        let stamp = WallInstant(stored: stamp)
        let isPossible = id > recoveredThrough || (Self.firstStamp...max(Self.firstStamp, openedAt)).contains(stamp)
        let age = (isPossible ? stamp : openedAt).duration(to: now)
        return jumps.reduce(age) { $1.through >= id ? $0 - $1.by : $0 }
    }
}
