/// ClickHouse's error codes and what each means for a batch.
///
/// Names are those of ClickHouse's `src/Common/ErrorCodes.cpp`. The HTTP status is no guide: too many parts, read-only
/// and a missing column are all 500.
enum ExceptionCode {
    static func kind(of code: Int, message: String) -> InsertFailure.Kind {
        // 252 is two errors: too many parts in the table, which merges mend, and too many partitions in the batch.
        if code == 252, message.contains("Too many partitions") { return .data }
        if transient.contains(code) { return .transient }
        if data.contains(code) { return .data }
        // A wrong table, column, password, quota or setting; and whatever nobody has decided on is held too, so that
        // it is neither dropped nor hammered at the server.
        return .destination
    }

    /// The server, its disks, its memory or its Keeper are busy, full, starting or stopping.
    private static let transient: Set<Int> = [
        3,  // UNEXPECTED_END_OF_FILE: the body was cut on its way
        107, 159,  // FILE_DOESNT_EXIST, TIMEOUT_EXCEEDED
        198, 201, 202, 203,  // DNS_ERROR, QUOTA_EXCEEDED, TOO_MANY_SIMULTANEOUS_QUERIES, NO_FREE_CONNECTION
        209, 210, 225, 236,  // SOCKET_TIMEOUT, NETWORK_ERROR, NO_ZOOKEEPER, ABORTED
        241, 242, 243, 244,  // MEMORY_LIMIT_EXCEEDED, TABLE_IS_READ_ONLY, NOT_ENOUGH_SPACE, UNEXPECTED_ZOOKEEPER_ERROR
        252, 254, 265, 279,  // TOO_MANY_PARTS, NO_ACTIVE_REPLICAS, CURRENT_WRITE_BUFFER_IS_EXHAUSTED, ALL_CONNECTION_TRIES_FAILED
        285, 286, 289, 290,  // TOO_FEW_LIVE_REPLICAS, UNSATISFIED_QUORUM_…, REPLICA_IS_NOT_IN_QUORUM, LIMIT_EXCEEDED
        297, 319, 364, 384,  // SHARD_HAS_NO_CONNECTIONS, UNKNOWN_STATUS_OF_INSERT, …, PART_IS_TEMPORARILY_LOCKED
        394, 425, 439, 574,  // QUERY_WAS_CANCELLED, SYSTEM_ERROR, CANNOT_SCHEDULE_TASK, …
        677, 700, 733, 735, 745, 749, 762, 776,
        999, 1000, 1017, 1019, 1020,  // KEEPER_EXCEPTION, POCO_EXCEPTION, …
    ]

    /// A value cannot be parsed or does not fit.
    private static let data: Set<Int> = [
        6, 25, 26, 27, 32, 33, 38, 41,  // CANNOT_PARSE_TEXT, …_ESCAPE_SEQUENCE, …_QUOTED_STRING, …_INPUT, …
        53, 69, 70, 72,  // TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, CANNOT_PARSE_NUMBER
        130, 131, 321, 349, 376, 407,  // CANNOT_READ_ARRAY_FROM_TEXT, TOO_LARGE_STRING_SIZE, …, CANNOT_PARSE_UUID
        441, 467, 469, 675, 676, 691,  // …, CANNOT_PARSE_BOOL, …, CANNOT_PARSE_IPV4, CANNOT_PARSE_IPV6, …
    ]
}
