/*
 * The adapter: one request a line on stdin, one reply a line on stdout.
 *
 * One process serves any number of journals, one after the other; each open is
 * a recovery, and each close lets go of the lock and of everything else.
 */
#include "base64.h"
#include "journal.h"

#include <cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t EXACT = UINT64_C(1) << 53; /* every integer up to here is a double */

static Journal journal;
static bool is_open;

/* Integers above 2^53 travel as decimal strings; either spelling is read. */

static void put_number(cJSON *object, const char *name, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, number > EXACT ? "\"%" PRIu64 "\"" : "%" PRIu64, number);
    cJSON_AddRawToObject(object, name, digits);
}

/* Read an optional number; what is not given stays as it is. */
static bool get_number(const cJSON *args, const char *name, uint64_t most, uint64_t *number)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(args, name);
    if (!value)
        return true;
    const char *text = cJSON_GetStringValue(value);
    bool good = text ? *text && strspn(text, "0123456789") == strlen(text)
                     : value->valuedouble >= 0 && value->valuedouble <= (double)EXACT;
    *number = !good ? 0 : text ? strtoull(text, NULL, 10) : (uint64_t)value->valuedouble;
    return (good && *number <= most) ||
           refuse(&journal.failure, "invalid", "%s must be from 0 to %" PRIu64, name, most);
}

static const char *get_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void put_payload(cJSON *object)
{
    char *text = base64_encode(journal.payload.bytes, journal.payload.size);
    cJSON_AddStringToObject(object, "payload", text);
    free(text);
}

/* The operations: each adds to what is answered, or fails and leaves its failure in `journal`. */

static bool hello(const cJSON *args, cJSON *ok)
{
    put_number(ok, "protocol", 1);
    cJSON_AddRawToObject(ok, "implementation",
                         "{\"name\":\"tornproof-c\",\"version\":\"0.1.0\",\"language\":\"C\"}");
    cJSON_AddRawToObject(ok, "claims",
                         "[\"journal/core\",\"journal/format-v2\",\"journal/segments\"]");
    cJSON_AddRawToObject(ok, "format", "{\"frame\":\"v2\",\"crc_covers\":\"frame\"}");
    put_number(cJSON_AddObjectToObject(ok, "limits"), "max_payload", FRAME_MAXIMUM);
    return true;
}

static bool open_journal(const cJSON *args, cJSON *ok)
{
    uint64_t segment_bytes = SEGMENT_BYTES, max_payload = FRAME_MAXIMUM;
    const char *path = get_text(args, "dir");
    if (is_open)
        return refuse(&journal.failure, "locked", "a journal is open here: close it first");
    if (!path)
        return refuse(&journal.failure, "invalid", "dir must be a string");
    if (!get_number(args, "segment_bytes", UINT64_MAX, &segment_bytes) ||
        !get_number(args, "max_payload", UINT32_MAX, &max_payload) ||
        !journal_open(&journal, path, segment_bytes, (uint32_t)max_payload))
        return false;
    is_open = true;
    put_number(ok, "first", journal_first(&journal));
    put_number(ok, "end", journal.end);
    put_number(ok, "discarded_bytes", journal.discarded);
    if (journal.reason)
        cJSON_AddStringToObject(ok, "reason", journal.reason);
    return true;
}

static bool append(const cJSON *args, cJSON *ok)
{
    const char *text = get_text(args, "payload");
    bool durable = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(args, "durable"));
    size_t size;
    uint64_t offset;
    uint8_t *payload = text ? base64_decode(text, &size) : NULL;
    bool appended = payload ? journal_append(&journal, payload, size, durable, &offset)
                            : refuse(&journal.failure, "invalid", "payload must be base64");
    free(payload);
    if (appended)
        put_number(ok, "offset", offset);
    return appended;
}

static bool sync_journal(const cJSON *args, cJSON *ok)
{
    put_number(ok, "durable", journal.end);
    return journal_sync(&journal);
}

static bool read_record(const cJSON *args, cJSON *ok)
{
    uint64_t offset = 0;
    if (!get_number(args, "offset", UINT64_MAX, &offset) || !journal_read(&journal, offset))
        return false;
    put_payload(ok);
    put_number(ok, "next", journal.boundary);
    return true;
}

static bool scan(const cJSON *args, cJSON *ok)
{
    uint64_t at = journal_first(&journal);
    cJSON *records = cJSON_AddArrayToObject(ok, "records");
    cJSON_AddStringToObject(ok, "end", "clean");
    if (!get_number(args, "from", UINT64_MAX, &at))
        return false;
    for (; at != journal.end; at = journal.boundary) {
        if (!journal_read(&journal, at))
            return false;
        cJSON *record = cJSON_CreateObject();
        put_number(record, "offset", at);
        put_payload(record);
        cJSON_AddItemToArray(records, record);
    }
    return true;
}

static bool rotate(const cJSON *args, cJSON *ok)
{
    put_number(ok, "base", journal.end);
    return journal_rotate(&journal);
}

static bool list_segments(const cJSON *args, cJSON *ok)
{
    cJSON *segments = cJSON_AddArrayToObject(ok, "segments");
    for (size_t i = 0; i < journal.count; i++) {
        cJSON *segment = cJSON_CreateObject();
        put_number(segment, "base", journal.segments[i].base);
        put_number(segment, "bytes", journal.segments[i].size);
        cJSON_AddBoolToObject(segment, "sealed", i + 1 < journal.count);
        cJSON_AddItemToArray(segments, segment);
    }
    return true;
}

static bool cleanup(const cJSON *args, cJSON *ok)
{
    uint64_t cursor = 0; /* without a cursor nothing is removed (SEG-7) */
    if (!get_number(args, "cursor", UINT64_MAX, &cursor) || !journal_cleanup(&journal, cursor))
        return false;
    put_number(ok, "first", journal_first(&journal));
    return true;
}

static bool close_journal(const cJSON *args, cJSON *ok)
{
    bool was_open = is_open;
    is_open = false;
    return !was_open || journal_close(&journal); /* closing twice is closing once */
}

static bool bye(const cJSON *args, cJSON *ok)
{
    return true;
}

static const struct {
    const char *name;
    bool (*run)(const cJSON *args, cJSON *ok);
    bool needs_journal;
} OPERATIONS[] = {
    {"hello", hello, false},
    {"journal.open", open_journal, false},
    {"journal.append", append, true},
    {"journal.sync", sync_journal, true},
    {"journal.read", read_record, true},
    {"journal.scan", scan, true},
    {"journal.rotate", rotate, true},
    {"journal.segments", list_segments, true},
    {"journal.cleanup", cleanup, true},
    {"journal.close", close_journal, false},
    {"bye", bye, false},
};

/* Carry out a request, and add to its reply what came of it. */
static void answer(const char *op, const cJSON *args, cJSON *reply)
{
    size_t i = 0, count = sizeof OPERATIONS / sizeof *OPERATIONS;
    while (i < count && strcmp(op, OPERATIONS[i].name) != 0)
        i++;
    if (i == count) {
        cJSON_AddStringToObject(reply, "unsupported", op);
        return;
    }
    cJSON *ok = cJSON_CreateObject();
    bool can = is_open || !OPERATIONS[i].needs_journal ||
               refuse(&journal.failure, "closed", "no journal is open: open one first");
    if (can && OPERATIONS[i].run(args, ok)) {
        cJSON_AddItemToObject(reply, "ok", ok);
        return;
    }
    cJSON_Delete(ok);
    cJSON *error = cJSON_AddObjectToObject(reply, "error");
    cJSON_AddStringToObject(error, "code", journal.failure.code);
    cJSON_AddBoolToObject(error, "definite", journal.failure.definite);
    cJSON_AddStringToObject(error, "message", journal.failure.message);
}

/* Answer one line; false if it was the last. */
static bool serve(const char *line)
{
    cJSON *request = cJSON_Parse(line), *reply = cJSON_CreateObject();
    const char *op = get_text(request, "op");
    cJSON *id = cJSON_DetachItemFromObjectCaseSensitive(request, "id");
    cJSON_AddItemToObject(reply, "id", id ? id : cJSON_CreateNull());
    answer(op ? op : "", cJSON_GetObjectItemCaseSensitive(request, "args"), reply);
    char *text = cJSON_PrintUnformatted(reply);
    puts(text);
    fflush(stdout);
    bool last = op && strcmp(op, "bye") == 0;
    free(text);
    cJSON_Delete(reply);
    cJSON_Delete(request);
    return !last;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0 && serve(line))
        continue;
    free(line);
    return 0;
}
