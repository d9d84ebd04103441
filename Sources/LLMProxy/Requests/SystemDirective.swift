internal import Foundation
internal import NIOCore
internal import NIOFoundationEssentialsCompat

/// Instructions that the proxy puts before every conversation, as its first message.
struct SystemDirective: Sendable, Equatable {
    private struct Message: Encodable {
        var role = "system"
        var content: String
    }

    /// The message, as JSON. Its text is in no log and no trace.
    let message: ByteBuffer

    /// - Throws: ``ProxyConfiguration/Invalid`` when the file cannot be read, is empty or is not UTF-8.
    init(file path: String) throws(ProxyConfiguration.Invalid) {
        let file = try ConfigurationFile(path, of: "--system-directive")
        let content = try file.text().trimmingCharacters(in: .whitespacesAndNewlines)
        guard !content.isEmpty else { throw file.invalid("it is empty") }
        self.init(content)
    }

    init(_ content: String) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings always encode.
        message = ByteBuffer(data: (try? encoder.encode(Message(content: content))) ?? Data())
    }
}
