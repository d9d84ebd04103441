/// How a spool is: one value, which the commit thread changes and publishes whole.
///
/// Each trouble stays until its end is proven, whatever else happens meanwhile. The worst one is the state. A trouble that
/// is added here gets a property, a state at its rank, and the event that ends it.
package struct SpoolHealth: Sendable, Equatable {
    /// From the best to the worst.
    package enum State: String, Sendable, CaseIterable {
        case sound
        /// Records are refused: a limit is reached, or the disk is full.
        case full
        /// What the commit thread does has not returned for 5 s: the disk does not answer, as while a snapshot freezes its file system.
        /// Nothing is refused: writes wait. It ends by itself.
        case stalled
        /// The names of the files do not lead to the open files any more, and no other place was found yet. No record is accepted;
        /// delivery goes on from the open files.
        case displaced
        /// Nothing is acknowledged until the file was opened anew and found sound, which is tried again and again.
        case failed
        /// What was read cannot be what was written. The file is set aside, and what is readable goes on in a new one: as soon as that
        /// is possible, or at the next start.
        case damaged
    }

    package enum Event: Sendable {
        /// A record found no room.
        case foundNoRoom(SpoolError)
        case foundRoom
        /// What is committed is in files without a name.
        case displaced(SpoolError)
        /// The open files have their names.
        case placed
        /// The writing connection cannot be used any more.
        case failed(SpoolError)
        /// A reader found damage. Records are still taken: they are salvaged with the others.
        case foundDamage(SpoolError)
        /// The file was opened anew, and all of it is sound.
        case reopened
    }

    private var fullness: SpoolError?
    /// Why no record is accepted, while all else goes on; nil when the files have their names.
    package private(set) var displacement: SpoolError?
    private var failure: SpoolError?
    private var damage: SpoolError?
    /// No event: the thread that would tell of it is the one that waits. Whoever reads the health looks at its time.
    private var stall: SpoolError?

    /// How long what the commit thread does may take.
    package static let patience = Duration.seconds(5)

    package init() {}

    /// - Parameter busy: for how long the commit thread has been at what it does; nil while it waits for work.
    func seen(busyFor busy: Duration?) -> SpoolHealth {
        guard let busy, busy >= Self.patience else { return self }
        var seen = self
        seen.stall = SpoolError(
            .busy,
            """
            the disk of the spool has not answered for \(busy.components.seconds) s: its file system may be frozen for a snapshot, or the \
            device may hang; each write waits, nothing is refused, and it goes on by itself
            """
        )
        return seen
    }

    package mutating func apply(_ event: Event) {
        switch event {
        // The first one is told: it names the limit that was reached.
        case .foundNoRoom(let error): fullness = fullness ?? error
        case .foundRoom: fullness = nil
        case .displaced(let error): displacement = error
        case .placed: displacement = nil
        case .failed(let error):
            failure = error
            if error.code == .damaged { damage = damage ?? error }
        case .foundDamage(let error): damage = damage ?? error
        case .reopened: (fullness, failure, damage) = (nil, nil, nil)
        }
    }

    package var state: State {
        if damage != nil { return .damaged }
        if failure != nil { return .failed }
        if displacement != nil { return .displaced }
        if stall != nil { return .stalled }
        return fullness == nil ? .sound : .full
    }

    /// Why it is not sound; nil while it is.
    package var reason: SpoolError? { damage ?? failure ?? displacement ?? stall ?? fullness }

    /// Why nothing is acknowledged, and nothing is known of what is in the file: a commit that failed may be in it
    /// nevertheless. nil while commits go on.
    package var refusal: SpoolError? { failure }

    /// Whether something is to be tried again and again until records are accepted.
    var hasToWait: Bool { failure != nil || displacement != nil }

    /// Whether the latest records found no room, in whatever state the file is.
    package var isFull: Bool { fullness != nil }

    /// Whether opening the file anew may help. One that failed because it is damaged is opened as a new owner does.
    var canReopen: Bool { failure.map { $0.code != .damaged } ?? false }

    var isDamaged: Bool { damage != nil }
}
