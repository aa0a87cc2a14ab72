#include <sqlite3.h>

/* SQLITE_TRANSIENT is a cast that Swift can't import: the text is copied by SQLite. */
static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int bytes) {
    return sqlite3_bind_text(statement, index, text, bytes, SQLITE_TRANSIENT);
}
