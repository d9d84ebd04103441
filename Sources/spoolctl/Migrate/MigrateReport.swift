internal import ClickHouseHTTP
internal import LLMTraces

/// What a migration did, statement by statement.
struct MigrateReport {
    struct Document: Encodable {
        struct Statement: Encodable {
            let server: String
            let statement: String
            let existed: Bool
        }

        let table: String
        let guarantee: String
        let statements: [Statement]
    }

    let table: String
    private(set) var steps: [TraceTable.Step] = []

    init(table: String) {
        self.table = table
    }

    /// - Returns: what to print of the step, its server before the first one there.
    mutating func add(_ step: TraceTable.Step) -> String {
        let isFirst = steps.last?.endpoint != step.endpoint
        steps.append(step)
        let line = "  \(step.didExist ? "exists already" : "made          ")  \(step.firstLine)"
        return isFirst ? "\(step.endpoint)\n\(line)" : line
    }

    func closing(guarantee: String) -> String {
        "\(table) can take traces, its guarantee is: \(guarantee)"
    }

    func document(guarantee: String) -> Document {
        Document(
            table: table,
            guarantee: guarantee,
            statements: steps.map {
                Document.Statement(server: $0.endpoint.url, statement: $0.firstLine, existed: $0.didExist)
            }
        )
    }
}

extension TraceTable.Step {
    fileprivate var firstLine: String { String(statement.prefix { !$0.isNewline }) }
}
