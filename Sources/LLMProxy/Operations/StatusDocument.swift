internal import ClickHouseWriter

/// What `/status.json` and `/healthz` say. Numbers and the proxy's own words only: nothing of a record, no credentials.
struct StatusDocument: Encodable {
    /// What does not change while the proxy runs.
    struct Setting: Sendable {
        /// Where the traces go, without credentials.
        var destination: String
        var spoolPath: String
        var spoolLimitBytes: Int
        var recovered: Int
    }

    private let severity: String
    private let headline: String
    private let reason: Nullable<String>
    private let advice: Nullable<String>
    private let command: Nullable<String>
    private let delivery: String
    private let spool: String
    private let durability: String
    private let guarantee: Nullable<String>
    private let pending: Int
    private let inFlight: Int
    private let deadLetters: Int
    private let dropped: Int
    private let lost: Int
    private let oldestPendingSeconds: Nullable<Double>
    private let sinceDeliverySeconds: Nullable<Double>
    private let payloadBytes: Int
    private let spoolBytes: Int
    private let spoolLimitBytes: Int
    private let spoolPath: String
    private let destination: String
    private let written: Int
    private let delivered: Int
    private let recovered: Int
    private let uptimeSeconds: Double

    /// - Parameter lost: traces that the writer refused.
    init(_ status: WriterStatus, _ setting: Setting, lost: Int, uptime: Duration) {
        let diagnosis = Diagnosis(status, spoolPath: setting.spoolPath)
        severity = diagnosis.severity.rawValue
        headline = diagnosis.headline
        reason = Nullable(value: diagnosis.reason)
        advice = Nullable(value: diagnosis.advice)
        command = Nullable(value: diagnosis.command)
        delivery =
            switch status.delivery {
            case .fine: "fine"
            case .backingOff: "backing off"
            case .held: "held"
            case .poisoned: "poisoned"
            }
        spool =
            switch status.spool {
            case .fine: "fine"
            case .full: "full"
            case .failed: "failed"
            case .damaged: "damaged"
            case .displaced: "displaced"
            case .stalled: "stalled"
            }
        durability = status.durability == .powerLoss ? "power loss" : "process crash"
        guarantee = Nullable(value: status.guarantee)
        pending = status.pending
        inFlight = status.inFlight
        deadLetters = status.deadLetters
        dropped = status.dropped
        self.lost = lost
        oldestPendingSeconds = Nullable(value: status.oldestAge.map(\.roundedSeconds))
        sinceDeliverySeconds = Nullable(value: status.sinceDelivery.map(\.roundedSeconds))
        payloadBytes = status.payloadBytes
        spoolBytes = status.spoolBytes
        spoolLimitBytes = setting.spoolLimitBytes
        spoolPath = setting.spoolPath
        destination = setting.destination
        written = status.written
        delivered = status.delivered
        recovered = setting.recovered
        uptimeSeconds = uptime.roundedSeconds
    }
}

/// A value or `null`: synthesized code would leave the key out.
private struct Nullable<Value: Encodable>: Encodable {
    let value: Value?

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}
