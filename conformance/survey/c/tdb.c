/* TDB: one transaction is one record. */
#include "kit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <tdb.h>

#ifdef NOMMAP /* reads and writes its file instead of mapping it */
#define FLAGS TDB_NOMMAP
#else
#define FLAGS TDB_DEFAULT
#endif

const char *const log_name = "TDB";
const char *const log_language = "C";

static struct tdb_context *database;
static uint64_t next;

const char *log_version(void) { return VERSION; }

static int count(struct tdb_context *from, TDB_DATA key, TDB_DATA value, void *unused)
{
    uint64_t number = 0;
    memcpy(&number, key.dptr, sizeof number);
    next = number >= next ? number + 1 : next;
    return 0;
}

int log_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.tdb", directory);
    if (!(database = tdb_open(path, 0, FLAGS, O_RDWR | O_CREAT, 0644)))
        return fail("tdb_open fails");
    next = 0;
    if (tdb_check(database, NULL, NULL) || tdb_traverse_read(database, count, NULL) < 0) {
        fail("tdb_check or a walk fails: %s", tdb_errorstr(database));
        tdb_close(database);
        return -1;
    }
    return 0;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    *number = next++;
    TDB_DATA key = {(unsigned char *)number, sizeof *number}, value = {(unsigned char *)payload, size};
    if (tdb_transaction_start(database))
        return fail("start: %s", tdb_errorstr(database));
    if (tdb_store(database, key, value, TDB_INSERT)) {
        fail("store: %s", tdb_errorstr(database));
        tdb_transaction_cancel(database);
        return -1;
    }
    return tdb_transaction_commit(database) ? fail("commit: %s", tdb_errorstr(database)) : 0;
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    for (uint64_t number = 0; number < next; number++) {
        TDB_DATA key = {(unsigned char *)&number, sizeof number}, value = tdb_fetch(database, key);
        if (!value.dptr && tdb_error(database) != TDB_ERR_NOEXIST)
            return fail("fetch: %s", tdb_errorstr(database));
        if (value.dptr)
            visit(number, value.dptr, value.dsize);
        free(value.dptr);
    }
    return 0;
}

int log_close(void) { return tdb_close(database) ? fail("tdb_close fails") : 0; }
