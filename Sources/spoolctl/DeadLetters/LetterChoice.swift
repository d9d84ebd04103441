internal import ArgumentParser
internal import SQLiteSpool

/// Which dead letters a command is about: by id, by code, or all.
struct LetterChoice: ParsableArguments {
    @Argument(help: "Ids of dead letters.")
    var ids: [Int64] = []

    @Option(help: "Those that ClickHouse refused with this code; 'none': those without one.")
    var code: LetterCode?

    @Flag(help: "All of them.")
    var all = false

    func validate() throws {
        let choices = [!ids.isEmpty, code != nil, all].count { $0 }
        if choices > 1 { throw ValidationError("Give either ids, or --code, or --all.") }
    }

    /// nil when nothing was chosen.
    var selection: LetterSelection? {
        if all { return .all }
        if let code { return .code(code.number) }
        return ids.isEmpty ? nil : .ids(ids)
    }

    /// - Throws: when nothing was chosen.
    func required() throws -> LetterSelection {
        guard let selection else { throw ValidationError("Say which: ids, or --code, or --all.") }
        return selection
    }

    /// Those of the ids that no dead letter has.
    func missing(in path: String) throws -> [Int64] {
        guard case .ids(let ids) = selection else { return [] }
        let reader = try SpoolReader(path: path)
        return try ids.filter { try reader.countDeadLetters(.ids([$0])) == 0 }
    }
}

/// `27`, or `none`.
struct LetterCode: ExpressibleByArgument, Equatable {
    let number: Int?

    init?(argument: String) {
        if argument == "none" {
            number = nil
        } else if let code = Int(argument) {
            number = code
        } else {
            return nil
        }
    }
}
