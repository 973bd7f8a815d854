/*
 * Bytes as standard base64, which is how they travel.
 */
#ifndef TORNPROOF_BASE64_H
#define TORNPROOF_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Both return what is allocated; NULL where the text is no base64. */
char *base64_encode(const uint8_t *bytes, size_t size);
uint8_t *base64_decode(const char *text, size_t *size);

#endif
