/* QDBM's depot: one put and one sync is one record. */
#include "kit.h"

#include <qdbm/depot.h>
#include <stdlib.h>

const char *const log_name = "QDBM";
const char *const log_language = "C";

static DEPOT *database;
static int next;

const char *log_version(void) { return dpversion; }

int log_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.qdbm", directory);
    if (!(database = dpopen(path, DP_OWRITER | DP_OCREAT, 101)))
        return fail("open: %s", dperrmsg(dpecode));
    next = dprnum(database);
    return 0;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    int key = next++;
    *number = (uint64_t)key;
    if (!dpput(database, (char *)&key, sizeof key, payload, (int)size, DP_DKEEP))
        return fail("put: %s", dperrmsg(dpecode));
    return dpsync(database) ? 0 : fail("sync: %s", dperrmsg(dpecode));
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    for (int key = 0; key < next; key++) {
        int size;
        char *value = dpget(database, (char *)&key, sizeof key, 0, -1, &size);
        if (!value && dpecode != DP_ENOITEM)
            return fail("get: %s", dperrmsg(dpecode));
        if (value)
            visit((uint64_t)key, value, (size_t)size);
        free(value);
    }
    return 0;
}

int log_close(void) { return dpclose(database) ? 0 : fail("close: %s", dperrmsg(dpecode)); }
