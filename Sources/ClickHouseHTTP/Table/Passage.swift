/// What reaches the server of what is sent beside statement and rows, and which query its responses name: something between the
/// two, like chproxy, may change both.
package struct Passage: Sendable, Equatable {
    package enum QueryID: Sendable {
        case echoed, replaced
        /// As servers before 20.x do, or because something removes it.
        case absent

        init(named: String?, sent: String) {
            self = named == nil ? .absent : named == sent ? .echoed : .replaced
        }
    }

    package enum Settings: Sendable {
        /// All of them arrive, as parameters of the URL.
        case url
        /// They arrive in the statement, and not all of them in the URL.
        case statement
        /// Not all of them arrive.
        case lost
    }

    package let queryID: QueryID
    package let settings: Settings

    package init(queryID: QueryID = .echoed, settings: Settings = .url) {
        self.queryID = queryID
        self.settings = settings
    }

    /// What is not as it is without anything in between.
    var findings: [String] {
        let ofQueryID: String? =
            switch queryID {
            case .echoed: nil
            case .replaced: "an intermediary replaces query ids"
            case .absent: "responses name no query"
            }
        let ofSettings: String? =
            switch settings {
            case .url: nil
            case .statement: "settings travel in the statement"
            case .lost: "settings do not all reach the server"
            }
        return [ofQueryID, ofSettings].compactMap(\.self)
    }
}
