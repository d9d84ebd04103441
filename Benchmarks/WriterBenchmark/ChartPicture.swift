import Foundation

extension Chart {
    var svg: String {
        let margin = 24.0
        let gutter = 22.0
        let panelWidth = (Self.width - 2 * margin - gutter) / 2
        let panelTop = 58.0
        var body = [text(title, x: margin, y: 36, size: 17, weight: 600, fill: Ink.strong)]
        for (index, panel) in panels.enumerated() {
            body += PanelPicture(panel: panel, left: margin + Double(index) * (panelWidth + gutter), top: panelTop)
                .elements(width: panelWidth)
        }
        var bottom = panelTop + PanelPicture.height + 14
        for paragraph in caption {
            for line in wrapped(paragraph, width: Self.width - 2 * margin, size: 11) {
                bottom += 16
                body.append(text(line, x: margin, y: bottom, size: 11, fill: Ink.weak))
            }
        }
        // GitHub's dark theme does not reach into a picture: it has a ground of its own.
        let height = bottom + 20
        let ground = element(
            "rect",
            [
                ("x", "0.5"), ("y", "0.5"), ("width", number(Self.width - 1)), ("height", number(height - 1)),
                ("rx", "8"), ("fill", "#ffffff"), ("stroke", "#d0d7de"),
            ]
        )
        let fonts = "-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, 'Liberation Sans', sans-serif"
        let root = """
            <svg xmlns="http://www.w3.org/2000/svg" width="\(number(Self.width))" height="\(number(height))" \
            viewBox="0 0 \(number(Self.width)) \(number(height))" font-family="\(fonts)" role="img">
            <title>\(escaped(title))</title>
            """
        return ([root, ground] + body + ["</svg>", ""]).joined(separator: "\n")
    }

    /// What GitHub gives a README on a wide screen.
    private static let width = 850.0
}

private enum Ink {
    static let strong = "#1f2328"
    static let weak = "#59636e"
    static let axis = "#8c959f"
    static let grid = "#e4e7eb"
    static let faintGrid = "#f3f4f6"
}

private typealias Spot = (x: Double, y: Double)
private typealias Path = [Spot]

/// A panel at its place.
private struct PanelPicture {
    static let height = plotTop + plotHeight + 42
    private static let plotTop = 34.0
    private static let plotHeight = 250.0
    /// For the numbers at the left, and the names at the right.
    private static let numbersWidth = 38.0
    private static let namesWidth = 146.0
    private static let labelSize = 12.0
    private static let labelGap = 16.0

    let panel: ChartPanel
    let left: Double
    let top: Double

    func elements(width: Double) -> [String] {
        let values = LogScale(
            steps: LogScale.steps(around: panel.lines.flatMap { $0.points.map(\.value) }),
            from: top + Self.plotTop + Self.plotHeight,
            to: top + Self.plotTop
        )
        let tasks = LogScale(
            steps: Set(panel.lines.flatMap { $0.points.map(\.tasks) }).sorted(),
            from: left + Self.numbersWidth + 8,
            to: left + width - Self.namesWidth
        )
        let paths = panel.lines.map { $0.points.map { (x: tasks($0.tasks), y: values($0.value)) } }
        let drawn = zip(panel.lines, paths).map { (line: $0, path: $1) }
        // Who matters most is drawn last, and covers the others.
        let ordered = drawn.filter { !$0.line.style.isEmphasized } + drawn.filter(\.line.style.isEmphasized)
        return heading() + axes(values, tasks) + ordered.flatMap { curve($0.path, $0.line.style) }
            + labels(drawn, right: tasks.end).flatMap(draw)
    }

    private func heading() -> [String] {
        [
            """
            <text x="\(number(left))" y="\(number(top + 14))" font-size="13" fill="\(Ink.strong)">\
            <tspan font-weight="600">\(escaped(panel.title))</tspan>\
            <tspan dx="8" font-size="12" fill="\(Ink.weak)">\(escaped(panel.hint))</tspan></text>
            """
        ]
    }

    private func axes(_ values: LogScale, _ tasks: LogScale) -> [String] {
        let bottom = values.start
        let (first, last) = (left + Self.numbersWidth, tasks.end + 4)
        let named = values.named
        var elements = values.steps.map { step in
            segment((first, values(step)), (last, values(step)), named.contains(step) ? Ink.grid : Ink.faintGrid)
        }
        elements += named.map { step in
            text(panel.name(step), x: first - 8, y: values(step) + 4, size: 11, anchor: "end", fill: Ink.weak)
        }
        elements.append(segment((first, bottom), (last, bottom), Ink.axis))
        var free = -Double.infinity
        for step in tasks.steps {
            let x = tasks(step)
            elements.append(segment((x, bottom), (x, bottom + 4), Ink.axis))
            let number = grouped(Int(step))
            let width = textWidth(number, size: 11)
            // Numbers of tasks that are too close have a mark only.
            guard x - width / 2 >= free else { continue }
            elements.append(text(number, x: x, y: bottom + 18, size: 11, anchor: "middle", fill: Ink.weak))
            free = x + width / 2 + 4
        }
        let middle = (first + tasks.end) / 2
        elements.append(
            text("concurrent tasks", x: middle, y: bottom + 36, size: 11, anchor: "middle", fill: Ink.weak)
        )
        return elements
    }

    private func curve(_ path: Path, _ style: Chart.Style) -> [String] {
        let points = path.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
        let line = element(
            "polyline",
            [
                ("points", points), ("fill", "none"), ("stroke", style.color),
                ("stroke-width", style.isEmphasized ? "3.5" : "1.75"), ("stroke-linejoin", "round"),
            ] + (style.isDashed ? [("stroke-dasharray", "5 3")] : [])
        )
        return [line] + path.map { marker(style, at: $0) }
    }

    private func marker(_ style: Chart.Style, at point: Spot) -> String {
        let size = style.isEmphasized ? 4.5 : 3.5
        func polygon(_ corners: [Spot]) -> String {
            let points = corners.map { "\(number(point.x + $0.x * size)),\(number(point.y + $0.y * size))" }
            return element("polygon", [("points", points.joined(separator: " ")), ("fill", style.color)])
        }
        let circle = [("cx", number(point.x)), ("cy", number(point.y)), ("r", number(size))]
        return switch style.marker {
        case .circle: element("circle", circle + [("fill", style.color)])
        case .ring:
            element("circle", circle + [("fill", "#ffffff"), ("stroke", style.color), ("stroke-width", "1.75")])
        case .square: polygon([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])
        case .triangle: polygon([(0, -1.2), (1.15, 0.9), (-1.15, 0.9)])
        case .diamond: polygon([(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)])
        }
    }
}

// Names at the ends of the lines.
extension PanelPicture {
    private struct Label {
        let line: ChartPanel.Line
        /// Where its line ends.
        let end: Spot
        /// Where it begins, in the middle of its height.
        var x: Double
        var y: Double
        /// Whether it is where its line does not end. It has the line's marker then, and not the value, which would be taken
        /// for that of the most tasks.
        var isApart = false

        var columns: ClosedRange<Double> { x...x + textWidth("\(line.name) 1,000", size: labelSize) }

        /// A label that had to move is led to by a thin line.
        var leader: (from: Spot, to: Spot)? {
            guard !isApart, (y - end.y).magnitude > 3 else { return nil }
            return ((end.x + 4, end.y), (x - 2, y))
        }

        func overlaps(_ other: Label) -> Bool {
            columns.overlaps(other.columns) && (y - other.y).magnitude < labelGap
        }

        /// Whether it covers a line, or is led to across it.
        func crosses(_ path: Path) -> Bool {
            let room = labelGap / 2 + 2
            let covered = heights(of: path, within: columns.lowerBound - 4...columns.upperBound)
            if let least = covered.min(), let most = covered.max(), least < y + room, most > y - room { return true }
            guard let leader else { return false }
            let passed = heights(of: path, within: leader.from.x...leader.to.x)
            guard let first = passed.first, let last = passed.last else { return false }
            return (first < leader.from.y) != (last < leader.to.y)
        }

        /// How far down a line is, from the left of some columns to their right; none where it is not in them.
        private func heights(of path: Path, within columns: ClosedRange<Double>) -> [Double] {
            func height(at x: Double) -> [Double] {
                let segment = zip(path, path.dropFirst()).first { $0.x < x && x < $1.x }
                return segment.map { [$0.y + ($1.y - $0.y) * (x - $0.x) / ($1.x - $0.x)] } ?? []
            }
            let inside = path.filter { columns.contains($0.x) }.map(\.y)
            return height(at: columns.lowerBound) + inside + height(at: columns.upperBound)
        }
    }

    private func labels(_ drawn: [(line: ChartPanel.Line, path: Path)], right: Double) -> [Label] {
        let all = drawn.compactMap { line, path in
            path.last.map { Label(line: line, end: $0, x: $0.x + 14, y: $0.y) }
        }
        return placed(
            beside: all.filter { $0.end.x < right },
            inColumn: all.filter { $0.end.x >= right },
            paths: drawn.map(\.path),
            right: right
        )
    }

    /// Who was not measured up to the most tasks ends among the others. Such a line has its name beside its end where there is
    /// room for it, and else in the column with those that go on to the right.
    private func placed(beside: [Label], inColumn: [Label], paths: [Path], right: Double) -> [Label] {
        let room = top + Self.plotTop...top + Self.plotTop + Self.plotHeight
        var labels = inColumn.sorted { $0.end.y < $1.end.y }
        let rows = spread(labels.map(\.end.y), gap: Self.labelGap, within: room)
        for (index, y) in rows.enumerated() { labels[index].y = y }
        for label in beside {
            guard let free = free(label, labels, paths) else {
                var apart = label
                apart.isApart = true
                apart.x = right + 14
                let others = beside.filter { $0.line.name != label.line.name }
                return placed(beside: others, inColumn: inColumn + [apart], paths: paths, right: right)
            }
            labels.append(free)
        }
        return labels
    }

    /// The label near its line's end, where there is neither another nor a line.
    private func free(_ label: Label, _ placed: [Label], _ paths: [Path]) -> Label? {
        let rows = top + Self.plotTop...top + Self.plotTop + Self.plotHeight - Self.labelGap / 2
        let places = stride(from: 0, through: 24, by: 2).flatMap { [$0, -$0] }.map { offset in
            var place = label
            place.y += offset
            return place
        }
        return places.first { place in
            rows.contains(place.y) && !placed.contains(where: place.overlaps) && !paths.contains(where: place.crosses)
        }
    }

    private func draw(_ label: Label) -> [String] {
        let style = label.line.style
        let value = label.isApart ? nil : label.line.points.last.map { panel.name($0.value) }
        let name = """
            <text x="\(number(label.x + (label.isApart ? 14 : 0)))" y="\(number(label.y + 4))" \
            font-size="\(number(Self.labelSize))" fill="\(style.color)">\
            <tspan\(style.isEmphasized ? " font-weight=\"700\"" : "")>\(escaped(label.line.name))</tspan>\
            \(value.map { "<tspan dx=\"5\">\(escaped($0))</tspan>" } ?? "")</text>
            """
        let mark = label.isApart ? [marker(style, at: (label.x + 5, label.y))] : []
        return mark + (label.leader.map { [segment($0.from, $0.to, style.color)] } ?? []) + [name]
    }
}

private func segment(_ from: Spot, _ to: Spot, _ color: String) -> String {
    element(
        "line",
        [
            ("x1", number(from.x)), ("y1", number(from.y)), ("x2", number(to.x)), ("y2", number(to.y)),
            ("stroke", color),
        ]
    )
}

private func text(
    _ content: String,
    x: Double,
    y: Double,
    size: Double,
    anchor: String = "start",
    weight: Int = 400,
    fill: String
) -> String {
    var attributes = [("x", number(x)), ("y", number(y)), ("font-size", number(size)), ("fill", fill)]
    if anchor != "start" { attributes.append(("text-anchor", anchor)) }
    if weight != 400 { attributes.append(("font-weight", "\(weight)")) }
    return element("text", attributes, content)
}

private func element(_ name: String, _ attributes: [(String, String)], _ content: String? = nil) -> String {
    let start = "<" + name + attributes.map { " \($0)=\"\(escaped($1))\"" }.joined()
    return content.map { "\(start)>\(escaped($0))</\(name)>" } ?? "\(start)/>"
}

private func escaped(_ text: String) -> String {
    // By scalars: an ampersand with an accent is one character, and not the one below.
    text.unicodeScalars.reduce(into: "") { escaped, scalar in
        switch scalar {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
}

/// Tenths of a pixel: as fine as anybody sees, and coarse enough to be the same wherever it is computed.
private func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    let (whole, tenth) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
    return (tenths < 0 ? "-" : "") + (tenth == 0 ? "\(whole)" : "\(whole).\(tenth)")
}

/// About, and with most fonts less than that: nobody knows which one a reader has.
private func textWidth(_ text: String, size: Double) -> Double {
    Double(text.count) * size * 0.53
}

private func wrapped(_ text: String, width: Double, size: Double) -> [String] {
    text.split(separator: " ").reduce(into: []) { lines, word in
        if let line = lines.last, textWidth("\(line) \(word)", size: size) <= width {
            lines[lines.count - 1] = "\(line) \(word)"
        } else {
            lines.append(String(word))
        }
    }
}
