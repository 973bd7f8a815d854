/* GDBM, opened with GDBM_SYNC: one store is one record. */
#include "kit.h"

#include <gdbm.h>
#include <stdlib.h>

#ifdef NOMMAP /* reads and writes its file instead of mapping it */
#define MORE GDBM_NOMMAP
#else
#define MORE 0
#endif

const char *const log_name = "GDBM";
const char *const log_language = "C";

static GDBM_FILE database;
static uint64_t next;

const char *log_version(void) { return gdbm_version; }

int log_open(const char *directory)
{
    char path[4096];
    gdbm_count_t count;
    snprintf(path, sizeof path, "%s/log.gdbm", directory);
    if (!(database = gdbm_open(path, 0, GDBM_WRCREAT | GDBM_SYNC | MORE, 0644, NULL)))
        return fail("%s", gdbm_strerror(gdbm_errno));
    if ((gdbm_needs_recovery(database) && gdbm_recover(database, NULL, 0)) || gdbm_count(database, &count)) {
        fail("%s", gdbm_db_strerror(database));
        gdbm_close(database);
        return -1;
    }
    next = count;
    return 0;
}

static datum key_of(uint64_t number)
{
    static char key[24];
    snprintf(key, sizeof key, "%08llu", (unsigned long long)number);
    return (datum){key, 8};
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    *number = next++;
    datum value = {(char *)payload, (int)size};
    return gdbm_store(database, key_of(*number), value, GDBM_INSERT) ? fail("%s", gdbm_db_strerror(database)) : 0;
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    for (uint64_t number = 0; number < next; number++) {
        datum value = gdbm_fetch(database, key_of(number));
        if (!value.dptr && gdbm_errno != GDBM_ITEM_NOT_FOUND)
            return fail("%s", gdbm_db_strerror(database));
        if (value.dptr)
            visit(number, value.dptr, value.dsize);
        free(value.dptr);
    }
    return 0;
}

int log_close(void) { return gdbm_close(database) ? fail("%s", gdbm_strerror(gdbm_errno)) : 0; }
