/// Room on the disk that is kept for the moment in which there is none: `<spool>.ballast`.
///
/// On a full disk neither an INSERT nor a DELETE nor a checkpoint goes through, so what ClickHouse accepted could never be
/// let go, and nothing would ever become free. The ballast is given up then: enough for one checkpoint, after which the
/// WAL file is written over from its start and acknowledging takes no more room.
struct Ballast {
    private let path: String
    private let bytes: Int
    private let fileSystem: any FileSystem
    private(set) var isInPlace = false

    /// Why it is not in place.
    private(set) var failure: String?

    init(spool path: String, bytes: Int, _ fileSystem: any FileSystem) {
        self.path = path + ".ballast"
        self.bytes = bytes
        self.fileSystem = fileSystem
    }

    /// - Returns: whether it is in place.
    mutating func takeOn() -> Bool {
        if !isInPlace {
            do {
                try fileSystem.reserve(bytes, at: path)
                isInPlace = true
                failure = nil
            } catch {
                failure = error.message
                // A part of it would only make the disk fuller.
                try? fileSystem.remove(path)
            }
        }
        return isInPlace
    }

    mutating func dropIt() {
        isInPlace = false
        try? fileSystem.remove(path)
    }
}
