internal import Foundation

/// Says on stderr what is wrong, at once: a run may be long.
func report(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
}
