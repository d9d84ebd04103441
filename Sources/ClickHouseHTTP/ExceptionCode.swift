/// ClickHouse's error codes and what each means for a batch.
///
/// Names are those of ClickHouse 26.9 (`SELECT errorCodeToName(60)`). The HTTP status is no guide: too many parts,
/// read-only and a missing column are all 500.
enum ExceptionCode {
    static func kind(of code: Int, message: String) -> InsertFailure.Kind {
        switch code {
        // Two errors in one: too many parts in the table, which merges mend, and too many partitions in the batch.
        case 252: message.contains("Too many partitions") ? .data : .transient
        // UNKNOWN_STATUS_OF_INSERT, in so many words.
        case 319: .outcomeUnknown
        case _ where transient.contains(code): .transient
        case _ where data.contains(code): .data
        // A wrong table, column, password, permission or setting. Whatever nobody has decided on is held too, so that
        // it is neither dropped nor hammered at the server.
        default: .destination
        }
    }

    /// The server, its disks, its memory or its Keeper are busy, full, starting or stopping.
    private static let transient: Set<Int> = [
        3,  // UNEXPECTED_END_OF_FILE
        107,  // FILE_DOESNT_EXIST
        159,  // TIMEOUT_EXCEEDED
        198,  // DNS_ERROR
        201,  // QUOTA_EXCEEDED
        202,  // TOO_MANY_SIMULTANEOUS_QUERIES
        203,  // NO_FREE_CONNECTION
        209,  // SOCKET_TIMEOUT
        210,  // NETWORK_ERROR
        225,  // NO_ZOOKEEPER
        236,  // ABORTED
        241,  // MEMORY_LIMIT_EXCEEDED
        242,  // TABLE_IS_READ_ONLY
        243,  // NOT_ENOUGH_SPACE
        244,  // UNEXPECTED_ZOOKEEPER_ERROR
        254,  // NO_ACTIVE_REPLICAS
        265,  // NO_AVAILABLE_REPLICA
        279,  // ALL_CONNECTION_TRIES_FAILED
        285,  // TOO_FEW_LIVE_REPLICAS
        286,  // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        289,  // REPLICA_IS_NOT_IN_QUORUM
        290,  // LIMIT_EXCEEDED
        297,  // SHARD_HAS_NO_CONNECTIONS
        364,  // RECEIVED_ERROR_TOO_MANY_REQUESTS
        384,  // PART_IS_TEMPORARILY_LOCKED
        394,  // QUERY_WAS_CANCELLED
        425,  // SYSTEM_ERROR
        439,  // CANNOT_SCHEDULE_TASK
        574,  // DISTRIBUTED_TOO_MANY_PENDING_BYTES
        677,  // THREAD_WAS_CANCELED
        700,  // USER_SESSION_LIMIT_EXCEEDED
        733,  // TABLE_IS_BEING_RESTARTED
        735,  // QUERY_WAS_CANCELLED_BY_CLIENT
        745,  // SERVER_OVERLOADED
        749,  // TCP_CONNECTION_LIMIT_REACHED
        762,  // HTTP_CONNECTION_LIMIT_REACHED
        776,  // RESOURCE_LIMIT_EXCEEDED
        999,  // KEEPER_EXCEPTION
        1000,  // POCO_EXCEPTION
        1017,  // ASYNC_INSERT_FLUSH_TIMEOUT
        1019,  // QUERY_SLOT_ACQUISITION_TIMEOUT
        1020,  // MEMORY_RESERVATION_ACQUISITION_TIMEOUT
    ]

    /// A value cannot be parsed, or does not fit its column.
    private static let data: Set<Int> = [
        6,  // CANNOT_PARSE_TEXT
        25,  // CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  // CANNOT_PARSE_QUOTED_STRING
        27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  // ATTEMPT_TO_READ_AFTER_EOF
        33,  // CANNOT_READ_ALL_DATA
        38,  // CANNOT_PARSE_DATE
        41,  // CANNOT_PARSE_DATETIME
        53,  // TYPE_MISMATCH
        69,  // ARGUMENT_OUT_OF_BOUND
        70,  // CANNOT_CONVERT_TYPE
        72,  // CANNOT_PARSE_NUMBER
        130,  // CANNOT_READ_ARRAY_FROM_TEXT
        131,  // TOO_LARGE_STRING_SIZE
        321,  // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        376,  // CANNOT_PARSE_UUID
        407,  // DECIMAL_OVERFLOW
        441,  // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
        467,  // CANNOT_PARSE_BOOL
        469,  // VIOLATED_CONSTRAINT
        675,  // CANNOT_PARSE_IPV4
        676,  // CANNOT_PARSE_IPV6
        691,  // UNKNOWN_ELEMENT_OF_ENUM
    ]
}
