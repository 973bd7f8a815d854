#include "checksums.h"

#include <string.h>

uint32_t load_u32(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

void store_u32(uint8_t bytes[4], uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}

/* CRC32C: Castagnoli's polynomial, bits reversed. */

uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t size)
{
    static uint32_t table[256];
    if (table[1] == 0)
        for (uint32_t byte = 0; byte < 256; byte++) {
            table[byte] = byte;
            for (int bit = 0; bit < 8; bit++)
                table[byte] = table[byte] >> 1 ^ (table[byte] & 1 ? UINT32_C(0x82f63b78) : 0);
        }
    for (crc = ~crc; size > 0; size--)
        crc = crc >> 8 ^ table[(crc ^ *data++) & 0xff];
    return ~crc;
}

/*
 * BLAKE3, as its paper defines it.
 *
 * The input is cut into chunks of 1,024 bytes, each a chain of up to sixteen
 * blocks of 64.  The chunks are the leaves of a binary tree in which every left
 * subtree is full.
 */

enum { BLOCK = 64, CHUNK = 1024 };
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t INITIAL[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint8_t PERMUTATION[16] = {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8};

static uint32_t rotate_right(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static void mix(uint32_t s[16], int a, int b, int c, int d, uint32_t x, uint32_t y)
{
    s[a] += s[b] + x;
    s[d] = rotate_right(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate_right(s[b] ^ s[c], 12);
    s[a] += s[b] + y;
    s[d] = rotate_right(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate_right(s[b] ^ s[c], 7);
}

/* Compress one block into the chaining value that follows `value`. */
static void compress(const uint32_t value[8], const uint32_t block[16], uint64_t chunk,
                     size_t length, uint32_t flags, uint32_t result[8])
{
    uint32_t message[16], permuted[16], s[16];
    memcpy(message, block, sizeof message);
    memcpy(s, value, 8 * sizeof *s);
    memcpy(s + 8, INITIAL, 4 * sizeof *s);
    s[12] = (uint32_t)chunk;
    s[13] = (uint32_t)(chunk >> 32);
    s[14] = (uint32_t)length;
    s[15] = flags;

    for (int round = 0; round < 7; round++) {
        for (int i = 0; i < 4; i++) /* columns */
            mix(s, i, 4 + i, 8 + i, 12 + i, message[2 * i], message[2 * i + 1]);
        for (int i = 0; i < 4; i++) /* diagonals */
            mix(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, message[8 + 2 * i],
                message[9 + 2 * i]);
        for (int i = 0; i < 16; i++)
            permuted[i] = message[PERMUTATION[i]];
        memcpy(message, permuted, sizeof message);
    }
    for (int i = 0; i < 8; i++)
        result[i] = s[i] ^ s[i + 8];
}

/* Hash one chunk, a chain of blocks; the last may be short, and the only one empty. */
static void hash_chunk(const uint8_t *data, size_t size, uint64_t chunk, uint32_t flags,
                       uint32_t result[8])
{
    memcpy(result, INITIAL, sizeof INITIAL);
    size_t at = 0, part;
    do {
        uint8_t bytes[BLOCK] = {0};
        uint32_t block[16];
        part = size - at < BLOCK ? size - at : BLOCK;
        if (part > 0)
            memcpy(bytes, data + at, part);
        for (int i = 0; i < 16; i++)
            block[i] = load_u32(bytes + 4 * i);
        uint32_t first = at == 0 ? CHUNK_START : 0;
        uint32_t last = at + part == size ? CHUNK_END | flags : 0;
        compress(result, block, chunk, part, first | last, result);
        at += part;
    } while (at < size);
}

/* Hash a subtree whose first chunk has that number; `flags` tells the root. */
static void hash_tree(const uint8_t *data, size_t size, uint64_t chunk, uint32_t flags,
                      uint32_t result[8])
{
    if (size <= CHUNK) {
        hash_chunk(data, size, chunk, flags, result);
        return;
    }
    size_t left = CHUNK;
    while (left * 2 < size)
        left *= 2;
    uint32_t children[16];
    hash_tree(data, left, chunk, 0, children);
    hash_tree(data + left, size - left, chunk + left / CHUNK, 0, children + 8);
    compress(INITIAL, children, 0, BLOCK, PARENT | flags, result);
}

void blake3(const uint8_t *data, size_t size, uint8_t hash[HASH_BYTES])
{
    uint32_t words[8];
    hash_tree(data, size, 0, ROOT, words);
    for (int i = 0; i < 8; i++)
        store_u32(hash + 4 * i, words[i]);
}
