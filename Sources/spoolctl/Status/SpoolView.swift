internal import SQLiteSpool

/// All that is to be seen of a spool from outside.
struct SpoolView: Equatable {
    /// As the user wrote it, for the commands in the advice.
    var path: String
    var status: SpoolStatus
    var files: SpoolSurroundings

    /// - Throws: ``SpoolError`` with code `refused` when there is no spool at `path`, `failed` or `damaged` when it cannot
    ///   be read.
    static func read(_ path: String) throws(SpoolError) -> SpoolView {
        // The owner first: one that ends while the file is read was alive.
        let files = try SpoolSurroundings(ofSpoolAt: path)
        return SpoolView(path: path, status: try SpoolStatus(readingSpoolAt: path), files: files)
    }
}
