/*
 * CRC32C and BLAKE3, which no library of a stable Debian has.
 */
#ifndef TORNPROOF_CHECKSUMS_H
#define TORNPROOF_CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32 };

/* Go on with the checksum of what came before, 0 at the start. */
uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t size);

/* The unkeyed hash. */
void blake3(const uint8_t *data, size_t size, uint8_t hash[HASH_BYTES]);

uint32_t load_u32(const uint8_t bytes[4]);
void store_u32(uint8_t bytes[4], uint32_t number);

#endif
