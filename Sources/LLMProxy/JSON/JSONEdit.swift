internal import NIOCore

/// A change to a JSON text that leaves every other byte as it is.
struct JSONEdit {
    private let range: Range<Int>
    private let replacement: [ByteBuffer]

    /// - Parameter range: what is replaced, from the beginning of the text.
    init(_ range: Range<Int>, _ replacement: ByteBuffer...) {
        self.range = range
        self.replacement = replacement
    }

    /// Puts something first in an object or array.
    init(first element: ByteBuffer, in value: JSONScanner.Value) {
        let start = value.range.lowerBound + 1
        let comma = value.isEmpty ? [] : [ByteBuffer(string: ",")]
        range = start..<start
        replacement = [element] + comma
    }

    /// Applies the edits without copying any of the text.
    ///
    /// - Parameters:
    ///   - edits: none of which touches what another one replaces.
    ///   - text: its pieces, in order.
    static func apply(_ edits: [JSONEdit], to text: [ByteBuffer]) -> [ByteBuffer] {
        var edited: [ByteBuffer] = []
        var rest = text[...]
        var position = 0
        /// Moves the text up to `end` over, or past it.
        func advance(to end: Int, keeping: Bool) {
            while position < end, var piece = rest.popFirst() {
                let count = min(piece.readableBytes, end - position)
                if let passed = piece.readSlice(length: count), keeping { edited.append(passed) }
                if piece.readableBytes > 0 { rest = [piece] + rest }
                position += count
            }
        }
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            advance(to: edit.range.lowerBound, keeping: true)
            edited += edit.replacement
            advance(to: edit.range.upperBound, keeping: false)
        }
        return edited + rest
    }
}
