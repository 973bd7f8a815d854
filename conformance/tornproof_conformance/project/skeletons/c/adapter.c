/* An adapter: it lets Tornproof judge your journal.  Fill in what is marked TODO, from the top. */
#include "kit.h"

const char *const journal_name = "my journal"; /* TODO: the name of your journal */
const char *const journal_version = "0.1";

/* Create the journal in this directory, or open and recover the one that is there. */
int journal_open(const char *directory)
{
    (void)directory;
    return todo(); /* TODO */
}

/*
 * Append a record, and set its offset: any integer that only grows.
 * If `durable`, return when the record survives a loss of power.
 */
int journal_append(const void *payload, size_t size, bool durable, uint64_t *offset)
{
    (void)payload, (void)size, (void)durable, (void)offset;
    return todo(); /* TODO */
}

/* Call `visit` for each record, from the oldest on. */
int journal_scan(void (*visit)(uint64_t offset, const void *payload, size_t size))
{
    (void)visit;
    return todo(); /* TODO */
}

/* Make everything durable that was appended, and close the journal. */
int journal_close(void)
{
    return todo(); /* TODO */
}
