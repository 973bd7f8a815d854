/* LMDB: one key is one record, and one transaction.  WRITEMAP: stores through the mapping. */
#include "kit.h"

#include <lmdb.h>

#ifdef WRITEMAP
#define FLAGS MDB_WRITEMAP
#else
#define FLAGS 0
#endif

const char *const log_name = "LMDB";
const char *const log_language = "C";

static MDB_env *environment;
static MDB_dbi table;

const char *log_version(void)
{
    static char text[32];
    int major, minor, patch;
    mdb_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

int log_open(const char *directory)
{
    MDB_txn *transaction;
    int code = mdb_env_create(&environment);
    if (!code)
        code = mdb_env_open(environment, directory, FLAGS, 0644);
    if (!code)
        code = mdb_txn_begin(environment, NULL, 0, &transaction);
    if (!code && !(code = mdb_dbi_open(transaction, NULL, MDB_INTEGERKEY, &table)))
        code = mdb_txn_commit(transaction);
    if (code)
        mdb_env_close(environment);
    return code ? fail("%s", mdb_strerror(code)) : 0;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    MDB_txn *transaction;
    MDB_stat statistics;
    int code = mdb_txn_begin(environment, NULL, 0, &transaction);
    if (code)
        return fail("begin: %s", mdb_strerror(code));
    if (!(code = mdb_stat(transaction, table, &statistics))) {
        size_t next = statistics.ms_entries;
        MDB_val key = {sizeof next, &next}, value = {size, (void *)payload};
        *number = next;
        code = mdb_put(transaction, table, &key, &value, MDB_APPEND);
    }
    if (code)
        mdb_txn_abort(transaction);
    else
        code = mdb_txn_commit(transaction);
    return code ? fail("%s", mdb_strerror(code)) : 0;
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    MDB_txn *transaction;
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction);
    if (code)
        return fail("begin: %s", mdb_strerror(code));
    if (!(code = mdb_cursor_open(transaction, table, &cursor))) {
        while (!(code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)))
            visit(*(size_t *)key.mv_data, value.mv_data, value.mv_size);
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(transaction);
    return code == MDB_NOTFOUND ? 0 : fail("%s", mdb_strerror(code));
}

int log_close(void)
{
    mdb_env_close(environment);
    return 0;
}
