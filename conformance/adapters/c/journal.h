/*
 * A journal of segments in a directory, written from the specification: the
 * chapters "Journal", "Recovery" and "Segments", which the comments cite.
 */
#ifndef TORNPROOF_JOURNAL_H
#define TORNPROOF_JOURNAL_H

#include "frame.h"

#include <stdbool.h>

enum { SEGMENT_BYTES = 64 << 20 };

/* Why something failed; `definite` if it certainly had no effect (JRN-6). */
typedef struct {
    const char *code;
    bool definite;
    char message[512];
} Failure;

typedef struct {
    uint64_t base; /* offset of its first byte, and its name */
    uint64_t size;
} Segment;

typedef struct {
    char *path;
    int directory, lock;
    uint64_t segment_bytes;
    uint32_t max_payload;

    Segment *segments; /* ascending; all but the last are sealed */
    size_t count;
    uint64_t end;

    int active;    /* the segment that this process made, or -1: no other is appended to */
    bool finished; /* a write to it was rolled back, so it takes no more */
    bool dirty;    /* it was written to since it was synced */
    bool poisoned; /* a sync failed: only opening again tells what is durable (JRN-7) */

    uint64_t discarded; /* bytes that recovery cut, and why (REC-7) */
    const char *reason;
} Journal;

typedef struct {
    const uint8_t *bytes;
    size_t size;
} Payload;

/* Called for each record; returns false to stop. */
typedef bool Visit(void *context, uint64_t offset, const uint8_t *payload, uint32_t size);

/* Lock, recover, open; NULL if that fails, and then nothing stays open. */
Journal *journal_open(const char *path, uint64_t segment_bytes, uint32_t max_payload,
                      Failure *failure);

/* Append, and return when it is durable if asked to; `offsets` has room for `count`. */
bool journal_append(Journal *journal, const Payload *payloads, size_t count, bool durable,
                    uint64_t *offsets, Failure *failure);

bool journal_sync(Journal *journal, Failure *failure);
bool journal_rotate(Journal *journal, Failure *failure);

/* Remove the sealed segments that lie wholly below `cursor`, oldest first (SEG-7). */
bool journal_cleanup(Journal *journal, uint64_t cursor, Failure *failure);

/* Visit the records from the one at `offset`. */
bool journal_scan(Journal *journal, uint64_t offset, Visit *visit, void *context,
                  Failure *failure);

uint64_t journal_first(const Journal *journal);

/* Make everything durable, or say that it may not be (JRN-11); the journal is gone either way. */
bool journal_close(Journal *journal, Failure *failure);

#endif
