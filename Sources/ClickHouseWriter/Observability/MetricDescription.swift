/// A metric as its users see it.
package struct MetricDescription: Sendable {
    /// What swift-metrics calls it, and so what a backend makes of it.
    package enum Kind: String, Sendable {
        /// Only grows.
        case counter
        /// The value at the moment.
        case gauge
        /// A distribution of durations.
        case timer
        /// A distribution of numbers.
        case recorder
    }

    /// Its name, with the unit at its end where it is no number of things. Timers have none: backends name their unit.
    package let label: String
    package let kind: Kind
    /// What it is told apart by.
    package let dimensions: [String]
    /// What it counts or measures, and when it is recorded: one line.
    package let help: String

    package init(_ kind: Kind, _ label: String, by dimensions: [String], _ help: String) {
        self.label = label
        self.kind = kind
        self.dimensions = dimensions
        self.help = help
    }
}
