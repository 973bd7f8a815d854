#include "json.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 32 };

static const uint64_t EXACT = UINT64_C(1) << 53; /* every integer up to here is a double */
static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Reading.  Each `skip` returns where a value ends, or NULL if it is not one. */

static const char *skip_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *skip_string(const char *at)
{
    if (*at != '"')
        return NULL;
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u') {
            for (int digit = 0; digit < 4; digit++)
                if (!isxdigit((unsigned char)*++at))
                    return NULL;
        } else if (*at == '\0' || !strchr("\"\\/bfnrt", *at)) {
            return NULL;
        }
    }
    return at + 1;
}

static const char *skip_number(const char *at)
{
    at += *at == '-';
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || (digits > 1 && *at == '0'))
        return NULL;
    at += digits;
    if (*at == '.') {
        digits = strspn(++at, "0123456789");
        if (digits == 0)
            return NULL;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        digits = strspn(at, "0123456789");
        if (digits == 0)
            return NULL;
        at += digits;
    }
    return at;
}

static const char *skip_value(const char *at, int depth);

static const char *skip_container(const char *at, int depth)
{
    const char close = *at == '{' ? '}' : ']';
    const char *next = skip_space(at + 1);
    if (*next == close)
        return next + 1;
    for (;;) {
        if (close == '}') {
            if (!(next = skip_string(next)) || *(next = skip_space(next)) != ':')
                return NULL;
            next = skip_space(next + 1);
        }
        if (!(next = skip_value(next, depth + 1)))
            return NULL;
        next = skip_space(next);
        if (*next == close)
            return next + 1;
        if (*next != ',')
            return NULL;
        next = skip_space(next + 1);
    }
}

static const char *skip_value(const char *at, int depth)
{
    static const char *const LITERALS[] = {"true", "false", "null"};
    if (*at == '{' || *at == '[')
        return depth < DEEPEST ? skip_container(at, depth) : NULL;
    if (*at == '"')
        return skip_string(at);
    for (size_t i = 0; i < sizeof LITERALS / sizeof *LITERALS; i++)
        if (strncmp(at, LITERALS[i], strlen(LITERALS[i])) == 0)
            return at + strlen(LITERALS[i]);
    return skip_number(at);
}

bool json_parse(const char *line, Json *value)
{
    value->start = skip_space(line);
    value->end = skip_value(value->start, 0);
    return value->end && *skip_space(value->end) == '\0';
}

Json json_member(Json object, const char *name)
{
    Json none = {NULL, NULL};
    if (!object.start || *object.start != '{')
        return none;
    const char *at = skip_space(object.start + 1);
    while (*at == '"') {
        const char *key = at + 1;
        size_t length = (size_t)(skip_string(at) - 1 - key);
        Json value;
        value.start = skip_space(skip_space(key + length + 1) + 1);
        value.end = skip_value(value.start, 1);
        if (length == strlen(name) && memcmp(key, name, length) == 0)
            return value;
        at = skip_space(value.end);
        at = *at == ',' ? skip_space(at + 1) : at;
    }
    return none;
}

Json json_next(Json array, Json previous)
{
    Json none = {NULL, NULL}, value;
    if (!array.start || *array.start != '[')
        return none;
    value.start = skip_space(previous.start ? previous.end : array.start + 1);
    if (*value.start == ']')
        return none;
    if (*value.start == ',')
        value.start = skip_space(value.start + 1);
    value.end = skip_value(value.start, 1);
    return value;
}

bool json_is(Json value, const char *literal)
{
    size_t length = strlen(literal);
    return value.start && (size_t)(value.end - value.start) == length &&
           memcmp(value.start, literal, length) == 0;
}

bool json_unsigned(Json value, uint64_t *number)
{
    if (!value.start)
        return false;
    const char *at = value.start, *end = value.end;
    if (*at == '"') {
        at++;
        end--;
    }
    *number = 0;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!isdigit((unsigned char)*at))
            return false;
        uint64_t digit = (uint64_t)(*at - '0');
        if (*number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

static unsigned read_hexadecimal(const char *digits)
{
    char text[5] = {digits[0], digits[1], digits[2], digits[3], '\0'};
    return (unsigned)strtoul(text, NULL, 16);
}

/* Read the digits behind `\u`, and the second half of a pair; return what was read last. */
static const char *read_escape(const char *at, unsigned *point)
{
    *point = read_hexadecimal(at + 1);
    at += 4;
    if (*point >= 0xd800 && *point < 0xdc00 && at[1] == '\\' && at[2] == 'u') {
        unsigned low = read_hexadecimal(at + 3);
        if (low >= 0xdc00 && low < 0xe000) {
            *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
    }
    return at;
}

static char *put_utf8(char *out, unsigned point)
{
    if (point < 0x80) {
        *out++ = (char)point;
        return out;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char LEAD[] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(LEAD[more] | point >> 6 * more);
    while (more-- > 0)
        *out++ = (char)(0x80 | (point >> 6 * more & 0x3f));
    return out;
}

char *json_text(Json value)
{
    static const char ESCAPES[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    if (!value.start || *value.start != '"')
        return NULL;
    char *text = malloc((size_t)(value.end - value.start)), *out = text;
    if (!text)
        return NULL;
    for (const char *at = value.start + 1; at < value.end - 1; at++) {
        if (*at != '\\') {
            *out++ = *at;
        } else if (*++at == 'u') {
            unsigned point;
            at = read_escape(at, &point);
            out = put_utf8(out, point);
        } else {
            for (const char *pair = ESCAPES; *pair; pair += 2)
                if (*pair == *at)
                    *out++ = pair[1];
        }
    }
    *out = '\0';
    return text;
}

uint8_t *json_bytes(Json value, size_t *size)
{
    char *text = json_text(value);
    size_t length = text ? strlen(text) : 0;
    uint8_t *bytes = text ? malloc(length / 4 * 3 + 1) : NULL;
    bool good = bytes && length % 4 == 0;
    *size = 0;
    for (size_t at = 0; good && at < length; at += 4) {
        uint32_t group = 0;
        size_t padding = at + 4 < length ? 0 : text[at + 2] == '=' ? 2 : text[at + 3] == '=';
        for (size_t i = 0; i < 4; i++) {
            const char *digit = strchr(ALPHABET, text[at + i]);
            good = good && (digit || (i >= 4 - padding && text[at + i] == '='));
            group = group << 6 | (digit ? (uint32_t)(digit - ALPHABET) : 0);
        }
        for (size_t i = 0; i < 3 - padding; i++)
            bytes[(*size)++] = (uint8_t)(group >> (16 - 8 * i));
    }
    free(text);
    if (good)
        return bytes;
    free(bytes);
    return NULL;
}

/* Writing. */

void json_put_unsigned(FILE *out, uint64_t number)
{
    fprintf(out, number > EXACT ? "\"%" PRIu64 "\"" : "%" PRIu64, number);
}

void json_put_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

void json_put_bytes(FILE *out, const uint8_t *bytes, size_t size)
{
    fputc('"', out);
    for (size_t at = 0; at < size; at += 3) {
        size_t part = size - at < 3 ? size - at : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++)
            group = group << 8 | (i < part ? bytes[at + i] : 0u);
        for (size_t i = 0; i < 4; i++)
            fputc(i <= part ? ALPHABET[group >> (18 - 6 * i) & 63] : '=', out);
    }
    fputc('"', out);
}
