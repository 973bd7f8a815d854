#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Why the last operation was not carried out. */
static struct {
    const char *code; /* "" if it is not there yet */
    bool definite;
    char message[512];
} failure;

static int lock = -1; /* held while a journal is open */
static bool poisoned;

int todo(void)
{
    failure.code = "";
    return -1;
}

int refuse(const char *code, const char *message)
{
    failure.code = code;
    failure.definite = true;
    snprintf(failure.message, sizeof failure.message, "%s", message);
    return -1;
}

int failed(const char *call)
{
    int number = errno;
    failure.code = number == ENOSPC || number == EDQUOT ? "no_space" : "io";
    failure.definite = false;
    snprintf(failure.message, sizeof failure.message, "%s: %s", call, strerror(number));
    return -1;
}

int sync_directory(const char *directory)
{
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return failed("open");
    int bad = fsync(descriptor);
    if (bad)
        failed("fsync");
    close(descriptor);
    return bad ? -1 : 0;
}

static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* Requests.  Every member that a kit needs has a name of its own, so nesting does not matter. */

struct request {
    char *id, *op, *dir, *payload; /* `id` as it is written */
    bool durable;
};

static void put_utf8(char **out, unsigned code)
{
    if (code < 0x80) {
        *(*out)++ = (char)code;
        return;
    }
    if (code >= 0x10000)
        *(*out)++ = (char)(0xF0 | code >> 18), *(*out)++ = (char)(0x80 | (code >> 12 & 0x3F));
    else if (code >= 0x800)
        *(*out)++ = (char)(0xE0 | code >> 12);
    *(*out)++ = (char)(code < 0x800 ? 0xC0 | code >> 6 : 0x80 | (code >> 6 & 0x3F));
    *(*out)++ = (char)(0x80 | (code & 0x3F));
}

static unsigned hexadecimal(const char *digits)
{
    char four[5] = {0};
    memcpy(four, digits, strnlen(digits, 4));
    return (unsigned)strtoul(four, NULL, 16);
}

/* Read the string that begins at a quote, in place; leave `at` behind its end. */
static char *read_string(char **at)
{
    char *from = *at + 1, *text = from, *to = from;
    while (*from && *from != '"') {
        if (*from != '\\') {
            *to++ = *from++;
            continue;
        }
        unsigned code = (unsigned char)from[1];
        from += from[1] ? 2 : 1;
        switch (code) {
        case 'n': *to++ = '\n'; break;
        case 't': *to++ = '\t'; break;
        case 'r': *to++ = '\r'; break;
        case 'b': *to++ = '\b'; break;
        case 'f': *to++ = '\f'; break;
        case 'u':
            code = hexadecimal(from);
            from += strnlen(from, 4);
            if (code >= 0xD800 && code < 0xDC00 && from[0] == '\\' && from[1] == 'u') {
                code = 0x10000 + ((code - 0xD800) << 10) + (hexadecimal(from + 2) - 0xDC00);
                from += 2 + strnlen(from + 2, 4);
            }
            put_utf8(&to, code);
            break;
        default: *to++ = (char)code;
        }
    }
    *at = from + (*from == '"');
    *to = 0;
    return text;
}

static struct request read_request(char *line)
{
    struct request found = {.id = NULL, .op = "", .dir = "", .payload = "", .durable = true};
    char *at = line;
    while ((at = strchr(at, '"'))) {
        char *key = read_string(&at);
        at += strspn(at, " \t:");
        if (*at == '"') {
            char *value = read_string(&at);
            if (!strcmp(key, "op"))
                found.op = value;
            else if (!strcmp(key, "dir"))
                found.dir = value;
            else if (!strcmp(key, "payload"))
                found.payload = value;
        } else if (!strcmp(key, "durable")) {
            found.durable = *at != 'f';
        } else if (!strcmp(key, "id")) {
            size_t size = strcspn(at, ",} ");
            found.id = need(strndup(at, size));
            at += size;
        }
    }
    return found;
}

/* Replies */

static char *answer; /* what stands under `ok`, while it is written */
static size_t answer_size;
static FILE *ok;
static const char *separator;

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(out, "\\u%04x", *text);
        else
            fputc(*text, out);
}

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void put_base64(FILE *out, const unsigned char *data, size_t size)
{
    for (size_t n = 0; n < size; n += 3) {
        unsigned three = data[n] << 16;
        if (n + 1 < size)
            three |= data[n + 1] << 8;
        if (n + 2 < size)
            three |= data[n + 2];
        fputc(DIGITS[three >> 18], out);
        fputc(DIGITS[three >> 12 & 63], out);
        fputc(n + 1 < size ? DIGITS[three >> 6 & 63] : '=', out);
        fputc(n + 2 < size ? DIGITS[three & 63] : '=', out);
    }
}

static unsigned char *read_base64(const char *text, size_t *size)
{
    unsigned char *data = need(malloc(strlen(text) / 4 * 3 + 3)), *to = data;
    unsigned bits = 0, count = 0;
    for (const char *digit; *text && (digit = strchr(DIGITS, *text)); text++) {
        bits = bits << 6 | (unsigned)(digit - DIGITS);
        if (++count == 4) {
            *to++ = (unsigned char)(bits >> 16);
            *to++ = (unsigned char)(bits >> 8);
            *to++ = (unsigned char)bits;
            bits = count = 0;
        }
    }
    if (count >= 2)
        *to++ = (unsigned char)(bits >> (count * 6 - 8));
    if (count == 3)
        *to++ = (unsigned char)(bits >> 2);
    *size = (size_t)(to - data);
    return data;
}

static void put_record(uint64_t offset, const void *payload, size_t size)
{
    fprintf(ok, "%s{\"offset\":\"%llu\",\"payload\":\"", separator, (unsigned long long)offset);
    put_base64(ok, payload, size);
    fputs("\"}", ok);
    separator = ",";
}

/* Operations */

static int open_journal(const char *directory)
{
    char path[4096];
    if (lock >= 0)
        return refuse("locked", "a journal is open in this process");
    snprintf(path, sizeof path, "%s/lock", directory);
    int held = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (held < 0)
        return failed("open lock");
    int bad = flock(held, LOCK_EX | LOCK_NB);
    if (bad)
        refuse("locked", "another process writes here");
    else
        bad = journal_open(directory);
    if (bad) {
        close(held);
        return -1;
    }
    lock = held;
    poisoned = false;
    fputs("{\"discarded_bytes\":0}", ok);
    return 0;
}

static int append(const struct request *request)
{
    if (lock < 0)
        return refuse("closed", "no journal is open");
    if (poisoned)
        return refuse("poisoned", "an append has failed: open the journal again");
    size_t size;
    uint64_t offset = 0;
    unsigned char *payload = read_base64(request->payload, &size);
    int bad = journal_append(payload, size, request->durable, &offset);
    free(payload);
    poisoned = bad && *failure.code && !failure.definite;
    fprintf(ok, "{\"offset\":\"%llu\"}", (unsigned long long)offset);
    return bad;
}

static int scan(void)
{
    if (lock < 0)
        return refuse("closed", "no journal is open");
    separator = "";
    fputs("{\"records\":[", ok);
    int bad = journal_scan(put_record);
    fputs("],\"end\":\"clean\"}", ok);
    return bad;
}

static int close_journal(void)
{
    int bad = 0;
    if (lock >= 0) {
        bad = journal_close();
        close(lock);
        lock = -1;
    }
    fputs("{}", ok);
    return bad;
}

static int carry_out(const struct request *request)
{
    if (!strcmp(request->op, "hello")) {
        fputs("{\"protocol\":1,\"claims\":[\"journal/core\"],\"implementation\":{\"name\":\"", ok);
        put_text(ok, journal_name);
        fputs("\",\"version\":\"", ok);
        put_text(ok, journal_version);
        fputs("\",\"language\":\"C\"}}", ok);
        return 0;
    }
    if (!strcmp(request->op, "journal.open"))
        return open_journal(request->dir);
    if (!strcmp(request->op, "journal.append"))
        return append(request);
    if (!strcmp(request->op, "journal.scan"))
        return scan();
    if (!strcmp(request->op, "journal.close"))
        return close_journal();
    if (strcmp(request->op, "bye"))
        return todo();
    fputs("{}", ok);
    return 0;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    for (bool ended = false; !ended && getline(&line, &room, stdin) > 0;) {
        struct request request = read_request(line);
        ok = need(open_memstream(&answer, &answer_size));
        int bad = carry_out(&request);
        fclose(ok);
        printf("{\"id\":%s,", request.id ? request.id : "null");
        if (!bad) {
            printf("\"ok\":%s}\n", answer);
        } else if (!*failure.code) {
            printf("\"unsupported\":\"%s\"}\n", request.op);
        } else {
            const char *definite = failure.definite ? "true" : "false";
            printf("\"error\":{\"code\":\"%s\",\"definite\":%s,\"message\":\"", failure.code, definite);
            put_text(stdout, failure.message);
            puts("\"}}");
        }
        fflush(stdout);
        ended = !strcmp(request.op, "bye");
        free(answer);
        free(request.id);
    }
    free(line);
    return 0;
}
