import Foundation

/// Rows/s and p99 of `write` by the number of concurrent tasks, as a picture: ``svg`` draws it.
///
/// A value, and the same one is always drawn with the same bytes: a picture that nothing has changed is no change to commit.
struct Chart {
    struct Point {
        var tasks: Int
        var rowsPerSecond: Double?
        /// Milliseconds.
        var p99: Double?
    }

    /// One of those who were measured.
    struct Series {
        var name: String
        var style: Style
        var points: [Point]
    }

    struct Style {
        enum Marker { case circle, square, triangle, diamond, ring }

        /// As in CSS. It is that of the name too, so it has to be dark enough to be read on white.
        var color: String
        /// Another one for each, for whom colours alone do not tell apart.
        var marker: Marker
        var isEmphasized = false
        var isDashed = false
    }

    var title: String
    /// Below the panels; each is broken into lines where it has to be.
    var caption: [String]
    var panels: [ChartPanel]

    /// - Parameter series: points without a figure are left out, and so is who has none. Of several for the same number of
    ///   tasks the last counts.
    init(series: [Series], title: String, caption: [String]) {
        func lines(_ figure: (Point) -> Double?) -> [ChartPanel.Line] {
            series.compactMap { series in
                // A logarithmic scale has no place for 0.
                let figures = series.points.compactMap { point in
                    figure(point).flatMap { $0 > 0 && point.tasks > 0 ? (point.tasks, $0) : nil }
                }
                let points = Dictionary(figures) { $1 }.sorted { $0.key < $1.key }
                    .map { (tasks: Double($0.key), value: $0.value) }
                return points.isEmpty ? nil : ChartPanel.Line(name: series.name, style: series.style, points: points)
            }
        }
        self.title = title
        self.caption = caption
        panels = [
            ChartPanel(
                title: "Rows per second",
                hint: "higher is better",
                isInThousands: true,
                lines: lines(\.rowsPerSecond)
            ),
            ChartPanel(title: "p99 latency in ms", hint: "lower is better", lines: lines(\.p99)),
        ]
    }
}

/// One of a chart's diagrams; both axes are logarithmic.
struct ChartPanel {
    struct Line {
        var name: String
        var style: Chart.Style
        /// In the order of the tasks, and never empty.
        var points: [(tasks: Double, value: Double)]
    }

    var title: String
    var hint: String
    /// 234k rather than 234,423.
    var isInThousands = false
    var lines: [Line]

    /// Two digits, or all those before the point: 0.32, 1.7, 27, 1,703.
    func name(_ value: Double) -> String {
        func digits(_ value: Double) -> String {
            value < 9.95 ? String(format: "%.2g", value) : grouped(Int(value.rounded()))
        }
        guard isInThousands, value >= 999.5 else { return digits(value) }
        return value < 999_500 ? digits(value / 1_000) + "k" : digits(value / 1_000_000) + "M"
    }
}

/// A logarithmic axis: which values it has, and where they are drawn.
struct LogScale {
    /// Ascending; the first and the last are its ends.
    let steps: [Double]
    let start: Double
    let end: Double

    /// - Parameter start: where the first of the steps is; it may be greater than `end`, as SVG counts downwards.
    init(steps: [Double], from start: Double, to end: Double) {
        (self.steps, self.start, self.end) = (steps, start, end)
    }

    func callAsFunction(_ value: Double) -> Double {
        guard let first = steps.first, let last = steps.last, first < last else { return (start + end) / 2 }
        return start + (end - start) * log2(value / first) / log2(last / first)
    }

    /// 1, 2, 5, 10, 20 and so on, as many as the values take, with some room below and above them.
    static func steps(around values: [Double]) -> [Double] {
        guard let least = values.min(), let most = values.max() else { return [1, 10] }
        let decades = Int(log10(least / 1.1).rounded(.down))...Int(log10(most * 1.1).rounded(.down)) + 1
        let steps = decades.flatMap { decade in
            [1, 2, 5].map { decade < 0 ? $0 / pow(10, Double(-decade)) : $0 * pow(10, Double(decade)) }
        }
        let first = steps.lastIndex { $0 <= least / 1.1 } ?? 0
        let last = steps.firstIndex { $0 >= most * 1.1 } ?? steps.count - 1
        return Array(steps[first...last])
    }

    /// Those of the steps that are to be named: all where they are few, else the powers of ten.
    var named: [Double] {
        let decades = steps.filter { (log10($0) - log10($0).rounded()).magnitude < 1e-9 }
        return steps.count <= 10 || decades.count < 2 ? steps : decades
    }
}

func grouped(_ number: Int) -> String {
    number < 1_000 ? "\(number)" : grouped(number / 1_000) + String(format: ",%03d", number % 1_000)
}

/// Moves labels apart that would overlap: as little as possible in all, and none past another.
///
/// - Parameters:
///   - wanted: where each would be, ascending.
///   - gap: how far they have to be from each other.
///   - room: where they all have to be.
/// - Returns: where each is to be, in the same order.
func spread(_ wanted: [Double], gap: Double, within room: ClosedRange<Double>) -> [Double] {
    // Less the gaps before it, each label has to be where the one before is, or further. Whoever is not is put together
    // with it at their mean, and that may be before the ones before.
    var groups: [(mean: Double, count: Int)] = []
    for (index, place) in wanted.enumerated() {
        var group = (mean: place - Double(index) * gap, count: 1)
        while let before = groups.last, before.mean > group.mean {
            let count = before.count + group.count
            let sum = before.mean * Double(before.count) + group.mean * Double(group.count)
            group = (sum / Double(count), count)
            groups.removeLast()
        }
        groups.append(group)
    }
    let last = max(room.lowerBound, room.upperBound - Double(wanted.count - 1) * gap)
    let places = groups.flatMap { Array(repeating: min(max($0.mean, room.lowerBound), last), count: $0.count) }
    return places.enumerated().map { $1 + Double($0) * gap }
}
