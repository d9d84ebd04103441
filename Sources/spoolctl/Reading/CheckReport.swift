internal import SQLiteSpool

/// What a check has found, for people and for machines.
struct CheckReport {
    private let results: [CheckResult]

    init(_ results: [CheckResult]) {
        self.results = results
    }

    var isSound: Bool { results.allSatisfy(\.isSound) }

    var text: String {
        let width = results.map(\.name.count).max() ?? 0
        let indent = String(repeating: " ", count: width + 2)
        var lines: [String] = []
        var said: String?
        for result in results {
            lines.append(
                "\(result.name.padding(to: width))  \(result.isSound ? "ok" : "NOT OK"): \(Paragraph.oneLine(result.detail))"
            )
            // One answer for several findings is said once.
            if let remedy = result.remedy, remedy != said { lines.append("\(indent)  \(Paragraph.oneLine(remedy))") }
            said = result.remedy ?? said
        }
        let findings = results.count { !$0.isSound }
        return (lines + ["", isSound ? "sound" : Words.count(findings, "finding")]).joined(separator: "\n")
    }

    var document: JSONObject {
        var document = JSONObject()
        document.add("sound", isSound)
        document.add(
            "checks",
            results.map { result in
                var entry = JSONObject()
                entry.add("name", result.name)
                entry.add("ok", result.isSound)
                entry.add("detail", result.detail)
                entry.add("remedy", result.remedy)
                return entry
            }
        )
        return document
    }
}
