import BenchmarkSupport
import Foundation

/// `results.json`: a flat list, one line a case and who was measured. What is measured anew replaces its own lines, and
/// leaves the others.
struct Results {
    struct Line {
        var `case`: String
        var who: String
        var figures: [String: Double]
    }

    /// The case of the line that names the machine.
    static let machine = "machine"

    private let path: String
    private(set) var lines: [Line]

    /// - Throws: when there is a file at `path`, and it is none of ours.
    init(path: String) throws {
        self.path = path
        lines = []
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return }
        guard let values = try JSONSerialization.jsonObject(with: data) as? [[String: Any]] else {
            throw Unmeasurable("\(path) is no list of results; name another file, or remove it")
        }
        lines = values.map { value in
            Line(
                case: value["case"] as? String ?? "",
                who: value["who"] as? String ?? "",
                figures: value.compactMapValues { ($0 as? NSNumber)?.doubleValue }
            )
        }
    }

    mutating func set(_ name: String, _ who: String, _ figures: [String: Double]) {
        let line = Line(case: name, who: who, figures: figures)
        if let index = lines.firstIndex(where: { $0.case == name && $0.who == who }) {
            lines[index] = line
        } else {
            lines.append(line)
        }
    }

    mutating func set(_ name: String, _ who: String, _ figures: Figures) {
        set(name, who, figures.values)
    }

    /// Writes them, with what they were measured on, and when; all of it, as some figures mean little elsewhere.
    func write() throws {
        let machine = Line(case: Self.machine, who: Machine.description, figures: [:])
        let text = ([machine] + lines.filter { $0.case != Self.machine }).map { line in
            let figures = line.figures.sorted { $0.key < $1.key }.map { name, value in
                "\"\(name)\": \(value == value.rounded() ? "\(Int(value))" : "\(value)")"
            }
            let names = [("case", line.case), ("who", line.who)].map { "\"\($0)\": \"\($1)\"" }
            return "{\((names + figures).joined(separator: ", "))}"
        }
        try Data("[\n\(text.joined(separator: ",\n"))\n]\n".utf8).write(to: URL(filePath: path))
    }
}

extension Figures {
    /// By their names in `results.json`.
    fileprivate var values: [String: Double] {
        func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
        var values = ["rows_s": rowsPerSecond.rounded()]
        if let p50 { values["p50_us"] = rounded(p50) }
        if let p99 { values["p99_us"] = rounded(p99) }
        if let p999 { values["p999_us"] = rounded(p999) }
        if let processorTime { values["cpu_ns"] = processorTime.rounded() }
        return values
    }
}

/// Where the benchmark runs.
enum Machine {
    static var description: String {
        let processors = ProcessInfo.processInfo.processorCount
        return [
            field("model name", in: "/proc/cpuinfo", separator: ":") ?? "unknown processor",
            "\(processors) \(processors == 1 ? "processor" : "processors")",
            field("PRETTY_NAME", in: "/etc/os-release", separator: "=") ?? "unknown system",
            Date.now.formatted(.iso8601.year().month().day()),
        ].joined(separator: ", ")
    }

    private static func field(_ name: String, in path: String, separator: Character) -> String? {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        return line?.split(separator: separator, maxSplits: 1).last?
            .trimmingCharacters(in: CharacterSet(charactersIn: " \t\""))
    }
}
