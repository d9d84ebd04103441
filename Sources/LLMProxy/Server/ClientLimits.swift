/// How slow a client may be.
struct ClientLimits: Sendable {
    /// How long a client may say nothing while it has to say something.
    var timeout = Duration.seconds(75)

    /// How many bytes a second a client must send of its request's body, or take of a response that waits for it. The
    /// average over ``window``; a slower client is hung up on. Default: 1 KiB.
    var minRate = 1 << 10

    /// Default: 30 s, or ``timeout`` where that is less.
    var window: Duration { min(timeout, .seconds(30)) }

    /// How long the rest of a request that is answered already may take.
    static let lingerTimeout = Duration.seconds(30)

    /// How long a body may hold its memory until it is whole. A body of 64 MiB must have 110 KiB a second for it.
    static let maxBodyTime = Duration.seconds(600)

    /// - Parameter heldBytes: what the body takes of memory.
    /// - Returns: how many bytes of it must arrive in a second.
    func minBodyRate(heldBytes: Int) -> Int {
        max(minRate, heldBytes / Int(Self.maxBodyTime.components.seconds))
    }
}
