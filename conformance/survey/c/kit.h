/*
 * Puts a library in C or C++ behind the adapter protocol.
 *
 * An adapter defines the names below; requests and replies, one writer at a time and the words for
 * errors are in kit.c.
 */
#ifndef KIT_H
#define KIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

extern const char *const log_name;
extern const char *const log_language;
const char *log_version(void);

/* Each returns 0, or what `fail` returns. */
int log_open(const char *directory);
int log_append(const void *payload, size_t size, uint64_t *number);
int log_each(void (*visit)(uint64_t number, const void *payload, size_t size));
int log_close(void);

/* Say why something failed, and return -1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#endif

#endif
