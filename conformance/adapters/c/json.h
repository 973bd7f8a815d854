/*
 * As much JSON as one line of the protocol needs.
 *
 * A value is a slice of the line, checked when the line is; nothing is copied
 * until somebody asks for it.  Bytes travel as standard base64, and integers
 * above 2^53 as decimal strings.
 */
#ifndef TORNPROOF_JSON_H
#define TORNPROOF_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct {
    const char *start; /* NULL if there is no such value */
    const char *end;
} Json;

/* Take a whole line for one value; false if it is none. */
bool json_parse(const char *line, Json *value);

/* The member of that name, or no value. */
Json json_member(Json object, const char *name);

/* The element after `previous`, the first after no value, and no value after the last. */
Json json_next(Json array, Json previous);

bool json_is(Json value, const char *literal);
bool json_unsigned(Json value, uint64_t *number);

/* Text and bytes are allocated; NULL if the value is something else. */
char *json_text(Json value);
uint8_t *json_bytes(Json value, size_t *size);

void json_put_unsigned(FILE *out, uint64_t number);
void json_put_text(FILE *out, const char *text);
void json_put_bytes(FILE *out, const uint8_t *bytes, size_t size);

#endif
