/// What a condition that somebody else has written may use: an operator's, or one that a script makes of what others say.
enum ReadingRules {
    static let tables: Set<String> = ["records", "json_each", "json_tree"]

    /// None of these loads code, reads a file, or makes a value longer than what it is given by more than its other
    /// arguments: `zeroblob`, `randomblob`, `printf` and `hex` would fill the memory.
    static let functions: Set<String> = [
        // Texts and numbers
        "abs", "char", "coalesce", "glob", "ifnull", "iif", "instr", "length", "like", "likelihood", "likely", "lower",
        "ltrim", "max", "min", "nullif", "octet_length", "quote", "replace", "round", "rtrim", "sign", "substr",
        "substring", "trim", "typeof", "unicode", "unlikely", "upper",
        // Times
        "date", "datetime", "julianday", "strftime", "time", "unixepoch",
        // JSON
        "->", "->>", "json", "json_array", "json_array_length", "json_extract", "json_object", "json_quote",
        "json_type",
        "json_valid",
        // Over many rows
        "avg", "count", "group_concat", "sum", "total",
    ]
}
