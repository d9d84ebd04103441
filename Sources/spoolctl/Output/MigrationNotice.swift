internal import SQLiteSpool

/// What opening a spool of an older version does to it.
enum MigrationNotice {
    /// nil when it changes nothing.
    ///
    /// - Parameter version: the schema that the spool had; nil when nobody could read it.
    static func text(from version: Int?) -> String? {
        guard let version, version < SpoolHeader.newestSchemaVersion else { return nil }
        return "the spool had schema version \(version) and has \(SpoolHeader.newestSchemaVersion) now; "
            + "older programs refuse it from here on"
    }
}
