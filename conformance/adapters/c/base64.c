#include "base64.h"

#include <stdlib.h>
#include <string.h>

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const uint8_t *bytes, size_t size)
{
    char *text = malloc((size + 2) / 3 * 4 + 1), *next = text;
    for (size_t at = 0; text && at < size; at += 3) {
        uint32_t group = 0;
        for (size_t i = at; i < at + 3; i++)
            group = group << 8 | (i < size ? bytes[i] : 0u);
        for (size_t i = 0; i < 4; i++)
            *next++ = at + i <= size ? DIGITS[group >> (18 - 6 * i) & 63] : '=';
    }
    if (text)
        *next = '\0';
    return text;
}

uint8_t *base64_decode(const char *text, size_t *size)
{
    size_t length = strlen(text), digits = strspn(text, DIGITS);
    if (length % 4 != 0 || length - digits > 2 || strspn(text + digits, "=") != length - digits)
        return NULL;
    *size = digits * 3 / 4;
    uint8_t *bytes = malloc(length / 4 * 3 + 1), *next = bytes;
    for (size_t at = 0; bytes && at < length; at += 4) {
        uint32_t group = 0;
        for (size_t i = at; i < at + 4; i++)
            group = group << 6 | (i < digits ? (uint32_t)(strchr(DIGITS, text[i]) - DIGITS) : 0);
        for (int shift = 16; shift >= 0; shift -= 8)
            *next++ = (uint8_t)(group >> shift);
    }
    return bytes;
}
