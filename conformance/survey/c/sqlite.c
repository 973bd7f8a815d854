/* SQLite with a rollback journal: one row is one record, and one transaction. */
#include "kit.h"

#include <sqlite3.h>

#ifndef MODE
#define MODE "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL"
#endif

const char *const log_name = "SQLite";
const char *const log_language = "C";

static sqlite3 *database;

const char *log_version(void) { return sqlite3_libversion(); }

int log_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.db", directory);
    int code = sqlite3_open(path, &database);
    if (!code)
        code = sqlite3_exec(database, MODE, NULL, NULL, NULL);
    if (!code)
        code = sqlite3_exec(database, "CREATE TABLE IF NOT EXISTS log (n INTEGER PRIMARY KEY, payload BLOB)", NULL, NULL, NULL);
    if (!code)
        return 0;
    fail("%s", sqlite3_errmsg(database));
    sqlite3_close(database);
    return -1;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, "INSERT INTO log (payload) VALUES (?)", -1, &statement, NULL))
        return fail("%s", sqlite3_errmsg(database));
    sqlite3_bind_blob64(statement, 1, size ? payload : "", size, SQLITE_STATIC);
    int failed = sqlite3_step(statement) != SQLITE_DONE;
    if (failed)
        fail("%s", sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    *number = (uint64_t)sqlite3_last_insert_rowid(database);
    return failed ? -1 : 0;
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, "SELECT n, payload FROM log ORDER BY n", -1, &statement, NULL))
        return fail("%s", sqlite3_errmsg(database));
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        visit((uint64_t)sqlite3_column_int64(statement, 0), sqlite3_column_blob(statement, 1),
              (size_t)sqlite3_column_bytes(statement, 1));
    if (code != SQLITE_DONE)
        fail("%s", sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? 0 : -1;
}

int log_close(void)
{
    return sqlite3_close(database) ? fail("%s", sqlite3_errmsg(database)) : 0;
}
