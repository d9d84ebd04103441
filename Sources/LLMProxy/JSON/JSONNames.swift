/// The members that a ``JSONScanner`` looks for, as paths like `usage.prompt_tokens` from the text's outermost object.
struct JSONNames: Sendable {
    /// The outermost object is 0; the path at `index` is `index + 1`.
    private(set) var children: [[(name: [UInt8], node: Int)]] = [[]]

    /// What is inside of a node, so that a member that is named twice forgets all that the first one said.
    private(set) var descendants: [[Int]] = [[]]

    private let nodes: [String: Int]

    /// - Parameter paths: each after the object that it is in.
    init(_ paths: [String]) {
        nodes = Dictionary(uniqueKeysWithValues: zip(paths, 1...))
        for (index, path) in paths.enumerated() {
            let names = path.split(separator: ".")
            let above = names.indices.map { nodes[names[..<$0].joined(separator: ".")] ?? 0 }
            children[above.last ?? 0].append((names.last.map { Array($0.utf8) } ?? [], index + 1))
            for node in above { descendants[node].append(index + 1) }
            children.append([])
            descendants.append([])
        }
    }

    var count: Int { children.count }

    func node(of path: String) -> Int? { nodes[path] }

    /// - Returns: nil when no such member is looked for.
    func child(of node: Int, named name: [UInt8]) -> Int? {
        children[node].first { $0.name == name }?.node
    }

    /// Whether some parsers take the name for one that is looked for: Go's disregard the case of letters.
    func isOtherSpelling(_ name: [UInt8], in node: Int) -> Bool {
        let folded = name.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return folded != name && child(of: node, named: folded) != nil
    }
}
