/* Kyoto Cabinet's hash database: one transaction, physically synchronised, is one record. */
#include "kit.h"

#include <kclangc.h>

const char *const log_name = "Kyoto Cabinet";
const char *const log_language = "C++";

static KCDB *database;
static uint64_t next;

const char *log_version(void) { return KCVERSION; }

static int failing(const char *what)
{
    return fail("%s: %s (%s)", what, kcdbemsg(database), kcecodename(kcdbecode(database)));
}

int log_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log.kch#bnum=101", directory); /* few buckets, so a small file */
    database = kcdbnew();
    if (!kcdbopen(database, path, KCOWRITER | KCOCREATE)) {
        failing("open");
        kcdbdel(database);
        return -1;
    }
    next = kcdbcount(database);
    return 0;
}

static const char *key_of(uint64_t number)
{
    static char key[24];
    snprintf(key, sizeof key, "%08llu", (unsigned long long)number);
    return key;
}

int log_append(const void *payload, size_t size, uint64_t *number)
{
    *number = next++;
    if (!kcdbbegintran(database, 1))
        return failing("begin");
    if (!kcdbset(database, key_of(*number), 8, payload, size)) {
        failing("set");
        kcdbendtran(database, 0);
        return -1;
    }
    return kcdbendtran(database, 1) ? 0 : failing("commit");
}

int log_each(void (*visit)(uint64_t, const void *, size_t))
{
    for (uint64_t number = 0; number < next; number++) {
        size_t size;
        char *value = kcdbget(database, key_of(number), 8, &size);
        if (!value && kcdbecode(database) != KCENOREC)
            return failing("get");
        if (value) {
            visit(number, value, size);
            kcfree(value);
        }
    }
    return 0;
}

int log_close(void)
{
    int result = kcdbclose(database) ? 0 : failing("close");
    kcdbdel(database);
    return result;
}
