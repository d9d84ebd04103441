/// What is fuzzed, each with its property. The fuzzer and the test suite both run them.
package enum FuzzTarget: String, Sendable, CaseIterable {
    /// What the HTTP clients make of any bytes.
    case answer
    /// What becomes of a batch for any response.
    case response
    /// The JSON that rows become.
    case row
    /// How stored rows are told from one another, and asked for.
    case record
    /// The opening of spool files.
    case spool
    /// The reading of client keys.
    case keys
    /// Where a request goes for any target of a request line, and for any URL of ClickHouse's.
    case target
}

/// A property that does not hold.
package struct Violation: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// - Throws: ``Violation`` when the property does not hold.
func require(_ holds: Bool, _ description: @autoclosure () -> String) throws(Violation) {
    if !holds { throw Violation(description()) }
}
