internal import Synchronization

/// Waits until everything that listens does so, because whoever reads the announcement connects at once.
final class Announcement: Sendable {
    private let urls = Mutex<[String: String]>([:])
    private let options: Set<String>
    private let say: @Sendable ([String: String]) -> Void

    /// - Parameters:
    ///   - options: which say where to listen.
    ///   - say: told the URL for each of the options, once.
    init(of options: Set<String>, say: @escaping @Sendable ([String: String]) -> Void) {
        self.options = options
        self.say = say
    }

    func add(_ url: String, of option: String) {
        let all = urls.withLock { urls in
            urls[option] = url
            return Set(urls.keys) == options ? urls : nil
        }
        if let all { say(all) }
    }
}
