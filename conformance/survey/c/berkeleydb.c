/* Berkeley DB with DB_RECOVER at open, queue of record numbers: one transaction is one record. */
#include "kit.h"

#include <db.h>
#include <stdlib.h>

#ifdef REGIONS /* the regions of the environment in files, the default; else in memory of the process */
#define MORE 0
#else
#define MORE DB_PRIVATE
#endif

const char *const log_name = "Berkeley DB";
const char *const log_language = "C";

static DB_ENV *environment;
static DB *database;

const char *log_version(void)
{
    static char text[32];
    int major, minor, patch;
    db_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

int log_open(const char *directory)
{
    int code = db_env_create(&environment, 0);
    if (code)
        return fail("%s", db_strerror(code));
    environment->set_lg_max(environment, 1 << 20);
    environment->set_lg_bsize(environment, 64 << 10);
    environment->set_cachesize(environment, 0, 1 << 20, 1);
    u_int32_t parts = DB_INIT_LOCK | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_TXN;
    code = environment->open(environment, directory, DB_CREATE | DB_RECOVER | parts | MORE, 0644);
    if (!code && !(code = db_create(&database, environment, 0))) {
        code = database->open(database, NULL, "log.db", NULL, DB_RECNO, DB_CREATE | DB_AUTO_COMMIT, 0644);
        if (code)
            database->close(database, 0);
    }
    if (code)
        environment->close(environment, 0);
    return code ? fail("open: %s", db_strerror(code)) : 0;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    DB_TXN *transaction;
    db_recno_t record = 0;
    DBT key = {.data = &record, .size = sizeof record, .ulen = sizeof record, .flags = DB_DBT_USERMEM};
    DBT value = {.data = (void *)payload, .size = (u_int32_t)size};
    int code = environment->txn_begin(environment, NULL, &transaction, 0);
    if (code)
        return fail("begin: %s", db_strerror(code));
    if ((code = database->put(database, transaction, &key, &value, DB_APPEND))) {
        transaction->abort(transaction);
        return fail("put: %s", db_strerror(code));
    }
    code = transaction->commit(transaction, 0);
    *number = record;
    return code ? fail("commit: %s", db_strerror(code)) : 0;
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    DBC *cursor;
    db_recno_t record;
    DBT key = {.data = &record, .ulen = sizeof record, .flags = DB_DBT_USERMEM};
    DBT value = {.flags = DB_DBT_REALLOC};
    int code = database->cursor(database, NULL, &cursor, 0);
    if (code)
        return fail("cursor: %s", db_strerror(code));
    while (!(code = cursor->get(cursor, &key, &value, DB_NEXT)))
        visit(record, value.data, value.size);
    cursor->close(cursor);
    free(value.data);
    return code == DB_NOTFOUND ? 0 : fail("get: %s", db_strerror(code));
}

int log_close(void)
{
    int first = database->close(database, 0), then = environment->close(environment, 0);
    return first || then ? fail("close: %s", db_strerror(first ? first : then)) : 0;
}
