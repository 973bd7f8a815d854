/*
 * A journal of segments in a directory, written from the specification: the
 * chapters "Journal", "Recovery" and "Segments", which the comments cite.
 */
#ifndef TORNPROOF_JOURNAL_H
#define TORNPROOF_JOURNAL_H

#include "frame.h"

#include <limits.h>

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
    char path[PATH_MAX];
    int directory, lock;
    uint64_t segment_bytes;
    uint32_t max_payload;

    Segment *segments; /* ascending; all but the last are sealed */
    size_t count;
    uint64_t end, durable;
    int active;    /* the segment that this process made, or -1: no other is appended to */
    bool poisoned; /* a sync failed: only opening again tells what is durable (JRN-7) */

    uint64_t discarded; /* bytes that recovery cut, and why (REC-7) */
    const char *reason;

    Payload payload;   /* of the record that was read last */
    uint64_t boundary; /* where the next one begins */
    Failure failure;   /* what happened, when a call returns false */
} Journal;

/* Lock, recover, open; false if that fails, and then nothing stays open. */
bool journal_open(Journal *journal, const char *path, uint64_t segment_bytes,
                  uint32_t max_payload);

/* Append, and return when the record is durable if asked to. */
bool journal_append(Journal *journal, const uint8_t *payload, size_t size, bool durable,
                    uint64_t *offset);

bool journal_sync(Journal *journal);

/* Start a new segment, unless the active one is empty. */
bool journal_rotate(Journal *journal);

/* Remove the sealed segments that lie wholly below `cursor`, oldest first (SEG-7). */
bool journal_cleanup(Journal *journal, uint64_t cursor);

/* Read the record at an offset: its payload, and the boundary behind it. */
bool journal_read(Journal *journal, uint64_t offset);

uint64_t journal_first(const Journal *journal);

/* Make everything durable, or say that it may not be (JRN-11); it is closed either way. */
bool journal_close(Journal *journal);

/* Fail before anything was done. */
bool refuse(Failure *failure, const char *code, const char *format, ...);

#endif
