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
        /// Nothing is acknowledged until the file was opened anew and found sound, which is tried again and again.
        case failed
        /// What was read cannot be what was written. The next owner sets the file aside and salvages what is readable.
        case damaged
    }

    package enum Event: Sendable {
        /// A record found no room.
        case foundNoRoom(SpoolError)
        case foundRoom
        /// The writing connection cannot be used any more.
        case failed(SpoolError)
        /// A reader found damage. Records are still taken: the next owner salvages them with the others.
        case foundDamage(SpoolError)
        /// The file was opened anew, and all of it is sound.
        case reopened
    }

    private var fullness: SpoolError?
    private var failure: SpoolError?
    private var damage: SpoolError?

    package init() {}

    package mutating func apply(_ event: Event) {
        switch event {
        // The first one is told: it names the limit that was reached.
        case .foundNoRoom(let error): fullness = fullness ?? error
        case .foundRoom: fullness = nil
        case .failed(let error):
            failure = error
            if error.code == .damaged { damage = damage ?? error }
        case .foundDamage(let error): damage = damage ?? error
        case .reopened: self = SpoolHealth()
        }
    }

    package var state: State {
        if damage != nil { return .damaged }
        if failure != nil { return .failed }
        return fullness == nil ? .sound : .full
    }

    /// Why it is not sound; nil while it is.
    package var reason: SpoolError? { damage ?? failure ?? fullness }

    /// Why nothing is acknowledged, and nothing is known of what is in the file: a commit that failed may be in it
    /// nevertheless. nil while commits go on.
    package var refusal: SpoolError? { failure }

    /// Whether the latest records found no room, in whatever state the file is.
    package var isFull: Bool { fullness != nil }

    /// Whether opening the file anew may help. Only a new owner may set a damaged one aside: what is in flight was read
    /// from it.
    var canReopen: Bool { failure.map { $0.code != .damaged } ?? false }
}
