/* Tokyo Cabinet's hash database with HDBOTSYNC: one transaction is one record. */
#include "kit.h"

#include <stdlib.h>
#include <tchdb.h>

const char *const log_name = "Tokyo Cabinet";
const char *const log_language = "C";

static TCHDB *database;
static uint64_t next;

const char *log_version(void) { return tcversion; }

static int failing(const char *what) { return fail("%s: %s", what, tchdberrmsg(tchdbecode(database))); }

int log_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.tch", directory);
    database = tchdbnew();
    tchdbtune(database, 101, -1, -1, 0); /* few buckets, so a small file */
    if (!tchdbopen(database, path, HDBOWRITER | HDBOCREAT | HDBOTSYNC)) {
        failing("open");
        tchdbdel(database);
        return -1;
    }
    next = tchdbrnum(database);
    return 0;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    *number = next++;
    if (!tchdbtranbegin(database))
        return failing("begin");
    if (!tchdbput(database, number, sizeof *number, payload, (int)size)) {
        failing("put");
        tchdbtranabort(database);
        return -1;
    }
    return tchdbtrancommit(database) ? 0 : failing("commit");
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    for (uint64_t number = 0; number < next; number++) {
        int size;
        void *value = tchdbget(database, &number, sizeof number, &size);
        if (!value && tchdbecode(database) != TCENOREC)
            return failing("get");
        if (value)
            visit(number, value, size);
        free(value);
    }
    return 0;
}

int log_close(void)
{
    int result = tchdbclose(database) ? 0 : failing("close");
    tchdbdel(database);
    return result;
}
