/// What a spool is found to have lost when it is opened.
package struct SpoolLoss: Sendable, Equatable {
    /// What was found.
    package var reason: String
    /// Where the damaged file is now; nil when nothing had to be set aside.
    package var quarantinedFile: String?
    /// Records that could be read and will be delivered.
    package var salvaged: Int
    /// Records whose payload is damaged, or that were delivered before: dead letters now.
    package var setAside: Int
    /// Accepted records that are gone: at most so many, because some may have been delivered while an older batch waited.
    package var lost: Int
    /// Whether nothing says how many more are gone.
    package var isUncounted = false

    /// nil when nothing says how many.
    package var lostAtMost: Int? { isUncounted ? nil : lost }
}
