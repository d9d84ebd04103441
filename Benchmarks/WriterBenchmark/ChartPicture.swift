import Foundation

extension Chart {
    var svg: String {
        let margin = 24.0
        let gutter = 20.0
        let panelWidth = (Self.width - 2 * margin - gutter) / 2
        let panelTop = 66.0
        var body = [text(title, x: margin, y: 36, size: 17, weight: 600, fill: Ink.strong)]
        for (index, panel) in panels.enumerated() {
            body += PanelPicture(panel: panel, left: margin + Double(index) * (panelWidth + gutter), top: panelTop)
                .elements(width: panelWidth)
        }
        var y = panelTop + PanelPicture.height + 30
        for paragraph in caption {
            for line in wrapped(paragraph, width: Self.width - 2 * margin, size: 11) {
                body.append(text(line, x: margin, y: y, size: 11, fill: Ink.weak))
                y += 16
            }
        }
        // GitHub's dark theme does not reach into a picture: it has a ground of its own.
        let height = (caption.isEmpty ? y - 30 : y - 16) + 20
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

/// A panel at its place.
private struct PanelPicture {
    static let height = plotTop + plotHeight + 42
    private static let plotTop = 34.0
    private static let plotHeight = 250.0
    /// For the numbers at the left, and the names at the right.
    private static let numbersWidth = 38.0
    private static let namesWidth = 152.0
    private static let labelSize = 12.0
    private static let labelGap = 16.0

    let panel: ChartPanel
    let left: Double
    let top: Double

    private struct Label {
        let line: ChartPanel.Line
        let text: String
        /// Where its line ends.
        let end: (x: Double, y: Double)
        /// Where it begins, in the middle of its height.
        var x: Double
        var y: Double

        var width: Double { PanelPicture.labelWidth(text) }

        func overlaps(_ other: Label) -> Bool {
            x < other.x + other.width && other.x < x + width && (y - other.y).magnitude < labelGap
        }
    }

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
            let label = panel.unit.tick(step)
            return text(label, x: first - 8, y: values(step) + 4, size: 11, anchor: "end", fill: Ink.weak)
        }
        elements.append(segment((first, bottom), (last, bottom), Ink.axis))
        var free = -Double.infinity
        for step in tasks.steps {
            let x = tasks(step)
            elements.append(segment((x, bottom), (x, bottom + 4), Ink.axis))
            let width = textWidth("\(Int(step))", size: 11)
            // Numbers of tasks that are too close have a mark only.
            guard x - width / 2 >= free else { continue }
            elements.append(text("\(Int(step))", x: x, y: bottom + 18, size: 11, anchor: "middle", fill: Ink.weak))
            free = x + width / 2 + 4
        }
        let middle = (first + tasks.end) / 2
        elements.append(
            text("concurrent tasks", x: middle, y: bottom + 36, size: 11, anchor: "middle", fill: Ink.weak)
        )
        return elements
    }

    private func curve(_ path: [(x: Double, y: Double)], _ style: Chart.Style) -> [String] {
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

    private func marker(_ style: Chart.Style, at point: (x: Double, y: Double)) -> String {
        let size = style.isEmphasized ? 4.5 : 3.5
        func polygon(_ corners: [(x: Double, y: Double)]) -> String {
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
    private typealias Drawn = (line: ChartPanel.Line, path: [(x: Double, y: Double)])

    private static func labelWidth(_ label: String) -> Double { textWidth(label, size: labelSize) }

    private func labels(_ drawn: [Drawn], right: Double) -> [Label] {
        let all: [Label] = drawn.compactMap { line, path in
            guard let end = path.last, let value = line.points.last?.value else { return nil }
            let text = "\(line.name) \(panel.unit.label(value))"
            return Label(line: line, text: text, end: end, x: end.x + 14, y: end.y)
        }
        let room = top + Self.plotTop...top + Self.plotTop + Self.plotHeight
        var column = all.filter { $0.end.x >= right }.sorted { $0.y < $1.y }
        for (index, y) in spread(column.map(\.y), gap: Self.labelGap, within: room).enumerated() { column[index].y = y }
        // Whoever was not measured up to the most tasks ends among the others.
        return all.filter { $0.end.x < right }.sorted { $0.y < $1.y }
            .reduce(into: column) { placed, label in placed.append(free(label, placed, drawn, within: room)) }
    }

    /// The label at the place nearest to its line's end where there is neither another nor a line.
    private func free(_ label: Label, _ placed: [Label], _ drawn: [Drawn], within room: ClosedRange<Double>) -> Label {
        let offsets = stride(from: 0, to: Self.plotHeight, by: 2).flatMap { [$0, -$0] }
        let places = offsets.map { offset in
            var label = label
            label.y += offset
            return label
        }
        return places.first { place in
            room.contains(place.y) && !placed.contains(where: place.overlaps)
                && !drawn.contains { crosses($0.path, place) }
        } ?? label
    }

    private func crosses(_ path: [(x: Double, y: Double)], _ label: Label) -> Bool {
        let x = label.x - 4...label.x + label.width
        return zip(path, path.dropFirst()).contains { from, to in
            guard from.x < to.x, from.x <= x.upperBound, to.x >= x.lowerBound else { return false }
            // A line is straight: where it enters and leaves the label's columns is how far up and down it is in them.
            let ys = [max(from.x, x.lowerBound), min(to.x, x.upperBound)].map {
                from.y + (to.y - from.y) * ($0 - from.x) / (to.x - from.x)
            }
            return min(ys[0], ys[1]) < label.y + Self.labelGap / 2 && max(ys[0], ys[1]) > label.y - Self.labelGap / 2
        }
    }

    private func draw(_ label: Label) -> [String] {
        let style = label.line.style
        // A label that had to move is led to by a thin line.
        let isMoved = (label.y - label.end.y).magnitude > 3
        let leader = segment((label.end.x + 4, label.end.y), (label.x - 2, label.y), style.color)
        let name = text(
            label.text,
            x: label.x,
            y: label.y + 4,
            size: Self.labelSize,
            weight: style.isEmphasized ? 700 : 400,
            fill: style.color
        )
        return (isMoved ? [leader] : []) + [name]
    }
}

private func segment(_ from: (x: Double, y: Double), _ to: (x: Double, y: Double), _ color: String) -> String {
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
    text.reduce(into: "") { escaped, character in
        switch character {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        default: escaped.append(character)
        }
    }
}

/// Tenths of a pixel: as fine as anybody sees, and coarse enough to be the same wherever it is computed.
private func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    let (whole, tenth) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
    return (tenths < 0 ? "-" : "") + (tenth == 0 ? "\(whole)" : "\(whole).\(tenth)")
}

/// At most, about: nobody knows which font a reader has.
private func textWidth(_ text: String, size: Double) -> Double {
    Double(text.count) * size * 0.6
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
