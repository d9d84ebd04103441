// What Swift cannot call of SQLite, and nothing else. Everything else is used under its C name.

#include <sqlite3.h>

// sqlite3_db_config is variadic, and Swift does not import variadic functions.
// The switches used here all take (int value, int *result).
static inline int csqlite_db_config(sqlite3 *db, int option, int value) {
    return sqlite3_db_config(db, option, value, (int *)0);
}
