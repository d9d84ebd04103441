internal import NIOCore

/// A change to a JSON text that leaves every other byte as it is.
struct JSONEdit {
    private let range: Range<Int>
    private let replacement: String

    /// - Parameter range: what is replaced, from the beginning of the text.
    init(_ range: Range<Int>, _ replacement: String) {
        self.range = range
        self.replacement = replacement
    }

    /// Puts a member first in an object.
    init(first member: String, in object: JSONMembers) {
        self.init(object.start..<object.start, member + (object.all.isEmpty ? "" : ","))
    }

    /// - Parameter edits: none of which touches what another one replaces.
    static func apply(_ edits: [JSONEdit], to text: ByteBuffer) -> ByteBuffer {
        var edited = ByteBuffer()
        edited.reserveCapacity(text.readableBytes + edits.reduce(0) { $0 + $1.replacement.utf8.count })
        var rest = text
        var position = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if var kept = rest.readSlice(length: edit.range.lowerBound - position) { edited.writeBuffer(&kept) }
            edited.writeString(edit.replacement)
            rest.moveReaderIndex(forwardBy: edit.range.count)
            position = edit.range.upperBound
        }
        edited.writeBuffer(&rest)
        return edited
    }
}
