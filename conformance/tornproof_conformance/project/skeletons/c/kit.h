/*
 * The adapter's half of the protocol: requests in, replies out, one JSON object a line.
 *
 * Leave kit.h and kit.c as they are, and fill in adapter.c.  The kit keeps a second writer out with
 * a lock on the directory, answers `closed` when nothing is open, and after an append that failed
 * answers `poisoned` until the journal is opened again.  Print on stderr, never on stdout.
 */
#ifndef KIT_H
#define KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What adapter.c defines; each function returns 0, or what one of the three below returns. */
extern const char *const journal_name, *const journal_version;
int journal_open(const char *directory);
int journal_append(const void *payload, size_t size, bool durable, uint64_t *offset);
int journal_scan(void (*visit)(uint64_t offset, const void *payload, size_t size));
int journal_close(void);

int todo(void);                                       /* it is not there yet */
int failed(const char *call);                         /* a system call failed, as errno says */
int refuse(const char *code, const char *message);    /* nothing was changed; a code of the protocol */

/* Make the names in a directory durable: the sync of a file does not cover its name. */
int sync_directory(const char *directory);

#endif
