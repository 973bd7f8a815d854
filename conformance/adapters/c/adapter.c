/*
 * The adapter: one request a line on stdin, one reply a line on stdout.
 *
 * One process serves any number of journals, one after the other; each open is
 * a recovery, and each close lets go of the lock and of everything else.
 */
#include "journal.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

static Journal *open_journal;

static bool refuse(Failure *failure, const char *code, const char *message)
{
    *failure = (Failure){.code = code, .definite = true};
    strcpy(failure->message, message);
    return false;
}

static bool require_journal(Failure *failure)
{
    return open_journal || refuse(failure, "closed", "no journal is open: open one first");
}

/* Read an optional number; what is not given stays as it is. */
static bool number_of(Json arguments, const char *name, uint64_t least, uint64_t most,
                      uint64_t *number, Failure *failure)
{
    Json value = json_member(arguments, name);
    if (!value.start)
        return true;
    if (json_unsigned(value, number) && *number >= least && *number <= most)
        return true;
    refuse(failure, "invalid", name);
    strcat(failure->message, " is missing or out of range");
    return false;
}

/* An operation writes the object of its answer, or fails and what it wrote is dropped. */

typedef bool Operation(Json arguments, FILE *answer, Failure *failure);

static bool hello(Json arguments, FILE *answer, Failure *failure)
{
    (void)arguments, (void)failure;
    fprintf(answer, "{\"protocol\":1,\"implementation\":{\"name\":\"tornproof-c\",\"version\":"
                    "\"0.1.0\",\"language\":\"C\"},\"profiles\":[\"journal/core\","
                    "\"journal/format-v2\",\"journal/segments\"],\"format\":{\"frame\":\"v2\","
                    "\"crc_covers\":\"frame\"},\"limits\":{\"max_payload\":%d}}", FRAME_MAXIMUM);
    return true;
}

static bool do_open(Json arguments, FILE *answer, Failure *failure)
{
    uint64_t segment_bytes = SEGMENT_BYTES, max_payload = FRAME_MAXIMUM;
    if (!number_of(arguments, "segment_bytes", 1, UINT64_MAX, &segment_bytes, failure) ||
        !number_of(arguments, "max_payload", 0, UINT32_MAX, &max_payload, failure))
        return false;
    if (open_journal)
        return refuse(failure, "locked", "a journal is open here: close it first");
    char *path = json_text(json_member(arguments, "dir"));
    if (!path)
        return refuse(failure, "invalid", "dir must be a string");
    open_journal = journal_open(path, segment_bytes, (uint32_t)max_payload, failure);
    free(path);
    if (!open_journal)
        return false;
    fputs("{\"first\":", answer);
    json_put_unsigned(answer, journal_first(open_journal));
    fputs(",\"end\":", answer);
    json_put_unsigned(answer, open_journal->end);
    fputs(",\"discarded_bytes\":", answer);
    json_put_unsigned(answer, open_journal->discarded);
    if (open_journal->reason)
        fprintf(answer, ",\"reason\":\"%s\"", open_journal->reason);
    fputc('}', answer);
    return true;
}

/* Append the payloads that are given, as one value or as an array of them. */
static bool append(Json arguments, Json one, Json many, uint64_t **offsets, size_t *count,
                   Failure *failure)
{
    Payload *payloads = NULL;
    Json next = one.start ? one : json_next(many, one);
    bool good = require_journal(failure);
    for (*count = 0; good && next.start; next = json_next(many, next)) {
        Payload *more = realloc(payloads, (*count + 1) * sizeof *more);
        payloads = more ? more : payloads;
        uint8_t *bytes = more ? json_bytes(next, &more[*count].size) : NULL;
        good = bytes || refuse(failure, "invalid", "a payload must be standard base64");
        if (good)
            payloads[(*count)++].bytes = bytes;
    }
    *offsets = malloc((*count + 1) * sizeof **offsets);
    good = good && *offsets &&
           journal_append(open_journal, payloads, *count,
                          !json_is(json_member(arguments, "durable"), "false"), *offsets, failure);
    for (size_t i = 0; i < *count; i++)
        free((void *)payloads[i].bytes);
    free(payloads);
    return good;
}

static bool do_append(Json arguments, FILE *answer, Failure *failure)
{
    Json payload = json_member(arguments, "payload"), none = {NULL, NULL};
    uint64_t *offsets = NULL;
    size_t count;
    if (!payload.start)
        return refuse(failure, "invalid", "payload is missing");
    bool appended = append(arguments, payload, none, &offsets, &count, failure);
    if (appended) {
        fputs("{\"offset\":", answer);
        json_put_unsigned(answer, offsets[0]);
        fputc('}', answer);
    }
    free(offsets);
    return appended;
}

static bool do_append_many(Json arguments, FILE *answer, Failure *failure)
{
    Json payloads = json_member(arguments, "payloads"), none = {NULL, NULL};
    uint64_t *offsets = NULL;
    size_t count;
    bool appended = append(arguments, none, payloads, &offsets, &count, failure);
    fputs("{\"offsets\":[", answer);
    for (size_t i = 0; appended && i < count; i++) {
        fputs(i ? "," : "", answer);
        json_put_unsigned(answer, offsets[i]);
    }
    fputs("]}", answer);
    free(offsets);
    return appended;
}

static bool do_sync(Json arguments, FILE *answer, Failure *failure)
{
    (void)arguments;
    if (!require_journal(failure) || !journal_sync(open_journal, failure))
        return false;
    fputs("{\"durable\":", answer);
    json_put_unsigned(answer, open_journal->end);
    fputc('}', answer);
    return true;
}

static bool put_one(void *answer, uint64_t offset, const uint8_t *payload, uint32_t size)
{
    fputs("{\"payload\":", answer);
    json_put_bytes(answer, payload, size);
    fputs(",\"next\":", answer);
    json_put_unsigned(answer, offset + FRAME_HEADER + size);
    fputc('}', answer);
    return false;
}

static bool do_read(Json arguments, FILE *answer, Failure *failure)
{
    uint64_t offset = 0;
    return require_journal(failure) &&
           number_of(arguments, "offset", 0, UINT64_MAX, &offset, failure) &&
           journal_scan(open_journal, offset, put_one, answer, failure);
}

typedef struct {
    FILE *answer;
    bool any;
} Records;

static bool put_record(void *context, uint64_t offset, const uint8_t *payload, uint32_t size)
{
    Records *records = context;
    fputs(records->any ? ",{\"offset\":" : "{\"offset\":", records->answer);
    records->any = true;
    json_put_unsigned(records->answer, offset);
    fputs(",\"payload\":", records->answer);
    json_put_bytes(records->answer, payload, size);
    fputc('}', records->answer);
    return true;
}

static bool do_scan(Json arguments, FILE *answer, Failure *failure)
{
    if (!require_journal(failure))
        return false;
    uint64_t from = journal_first(open_journal);
    if (!number_of(arguments, "from", 0, UINT64_MAX, &from, failure))
        return false;
    Records records = {answer, false};
    fputs("{\"records\":[", answer);
    bool clean = from == open_journal->end ||
                 journal_scan(open_journal, from, put_record, &records, failure);
    if (!clean && strcmp(failure->code, "corrupt") != 0)
        return false;
    fprintf(answer, "],\"end\":\"%s\"}", clean ? "clean" : "corrupt");
    return true;
}

static bool do_rotate(Json arguments, FILE *answer, Failure *failure)
{
    (void)arguments;
    if (!require_journal(failure) || !journal_rotate(open_journal, failure))
        return false;
    fputs("{\"base\":", answer);
    json_put_unsigned(answer, open_journal->segments[open_journal->count - 1].base);
    fputc('}', answer);
    return true;
}

static bool do_segments(Json arguments, FILE *answer, Failure *failure)
{
    (void)arguments;
    if (!require_journal(failure))
        return false;
    fputs("{\"segments\":[", answer);
    for (size_t i = 0; i < open_journal->count; i++) {
        fputs(i ? ",{\"base\":" : "{\"base\":", answer);
        json_put_unsigned(answer, open_journal->segments[i].base);
        fputs(",\"bytes\":", answer);
        json_put_unsigned(answer, open_journal->segments[i].size);
        fprintf(answer, ",\"sealed\":%s}", i + 1 < open_journal->count ? "true" : "false");
    }
    fputs("]}", answer);
    return true;
}

static bool do_cleanup(Json arguments, FILE *answer, Failure *failure)
{
    uint64_t cursor = 0; /* without a cursor nothing is removed (SEG-7) */
    if (!require_journal(failure) ||
        !number_of(arguments, "cursor", 0, UINT64_MAX, &cursor, failure) ||
        !journal_cleanup(open_journal, cursor, failure))
        return false;
    fputs("{\"first\":", answer);
    json_put_unsigned(answer, journal_first(open_journal));
    fputc('}', answer);
    return true;
}

/* Closing twice is closing once. */
static bool do_close(Json arguments, FILE *answer, Failure *failure)
{
    (void)arguments;
    Journal *journal = open_journal;
    open_journal = NULL;
    fputs("{}", answer);
    return !journal || journal_close(journal, failure);
}

static bool bye(Json arguments, FILE *answer, Failure *failure)
{
    (void)arguments, (void)failure;
    fputs("{}", answer);
    return true;
}

static const struct {
    const char *name;
    Operation *run;
} OPERATIONS[] = {
    {"hello", hello},
    {"journal.open", do_open},
    {"journal.append", do_append},
    {"journal.append_many", do_append_many},
    {"journal.sync", do_sync},
    {"journal.read", do_read},
    {"journal.scan", do_scan},
    {"journal.rotate", do_rotate},
    {"journal.segments", do_segments},
    {"journal.cleanup", do_cleanup},
    {"journal.close", do_close},
    {"bye", bye},
};

/* Answer one request; false if it was the last. */
static bool serve(const char *line)
{
    Json request;
    bool good = json_parse(line, &request);
    Json id = good ? json_member(request, "id") : (Json){NULL, NULL};
    Json arguments = good ? json_member(request, "args") : id;
    char *name = good ? json_text(json_member(request, "op")) : NULL;
    printf("{\"id\":%.*s,", id.start ? (int)(id.end - id.start) : 4, id.start ? id.start : "null");

    Operation *run = NULL;
    for (size_t i = 0; name && i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
        if (strcmp(name, OPERATIONS[i].name) == 0)
            run = OPERATIONS[i].run;

    char *text = NULL;
    size_t size = 0;
    FILE *answer = open_memstream(&text, &size);
    Failure failure = {.code = "invalid", .definite = true, .message = "not a request"};
    bool done = run && answer && run(arguments, answer, &failure);
    if (answer)
        fclose(answer);
    if (done) {
        fputs("\"ok\":", stdout);
        fwrite(text, 1, size, stdout);
    } else if (name && !run) {
        fputs("\"unsupported\":", stdout);
        json_put_text(stdout, name);
    } else {
        printf("\"error\":{\"code\":\"%s\",\"definite\":%s,\"message\":", failure.code,
               failure.definite ? "true" : "false");
        json_put_text(stdout, failure.message);
        fputc('}', stdout);
    }
    fputs("}\n", stdout);
    fflush(stdout);
    bool last = name && strcmp(name, "bye") == 0;
    free(text);
    free(name);
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
