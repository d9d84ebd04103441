internal import SystemPackage

/// What a child says, one line each, in a single write(2) so that its death cuts none.
enum DiskFullReport {
    case acknowledged(Int)
    case refused(Int)
    /// The disk is full; the destination may come back.
    case full
    /// The writer takes records again.
    case resumed
    case wrong(String)

    private var line: String {
        switch self {
        case .acknowledged(let write): "acknowledged \(write)"
        case .refused(let write): "refused \(write)"
        case .full: "full"
        case .resumed: "resumed"
        case .wrong(let text): "wrong \(text.replacing("\n", with: " "))"
        }
    }

    func send() {
        // Without a reader there is nobody to tell that.
        _ = try? FileDescriptor.standardOutput.writeAll((line + "\n").utf8)
    }

    init?(line: String) {
        let line = line.last?.isNewline == true ? line.dropLast() : line[...]
        let words = line.split(separator: " ", maxSplits: 1)
        let number = words.last.flatMap { Int($0) }
        switch (words.first, number) {
        case ("acknowledged", let write?): self = .acknowledged(write)
        case ("refused", let write?): self = .refused(write)
        case ("full", _): self = .full
        case ("resumed", _): self = .resumed
        case ("wrong", _): self = .wrong(String(words.last ?? ""))
        default: return nil
        }
    }
}
