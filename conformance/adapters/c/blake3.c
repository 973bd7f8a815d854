/*
 * BLAKE3 as its paper defines it, in plain C.
 *
 * The input is cut into chunks of 1,024 bytes, each a chain of up to sixteen
 * blocks of 64.  The chunks are the leaves of a binary tree in which every left
 * subtree is full, so the finished subtrees to the left are the one-bits of the
 * number of chunks, and a stack holds them.
 */
#include "blake3.h"

#include <string.h>

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

static uint32_t load(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* Compress one block into the chaining value that follows `value`. */
static void compress(const uint32_t value[8], const uint8_t block[BLAKE3_BLOCK], uint64_t counter,
                     size_t length, uint32_t flags, uint32_t result[8])
{
    uint32_t message[16], permuted[16], s[16];
    for (int i = 0; i < 16; i++)
        message[i] = load(block + 4 * i);
    memcpy(s, value, 8 * sizeof *s);
    memcpy(s + 8, INITIAL, 4 * sizeof *s);
    s[12] = (uint32_t)counter;
    s[13] = (uint32_t)(counter >> 32);
    s[14] = (uint32_t)length;
    s[15] = flags;

    for (int round = 0; round < 7; round++) {
        mix(s, 0, 4, 8, 12, message[0], message[1]);
        mix(s, 1, 5, 9, 13, message[2], message[3]);
        mix(s, 2, 6, 10, 14, message[4], message[5]);
        mix(s, 3, 7, 11, 15, message[6], message[7]);
        mix(s, 0, 5, 10, 15, message[8], message[9]);
        mix(s, 1, 6, 11, 12, message[10], message[11]);
        mix(s, 2, 7, 8, 13, message[12], message[13]);
        mix(s, 3, 4, 9, 14, message[14], message[15]);
        for (int i = 0; i < 16; i++)
            permuted[i] = message[PERMUTATION[i]];
        memcpy(message, permuted, sizeof message);
    }
    for (int i = 0; i < 8; i++)
        result[i] = s[i] ^ s[i + 8];
}

/* Join two subtrees. */
static void join(const uint32_t left[8], const uint32_t right[8], uint32_t flags,
                 uint32_t result[8])
{
    uint8_t block[BLAKE3_BLOCK];
    for (int i = 0; i < 16; i++) {
        uint32_t word = i < 8 ? left[i] : right[i - 8];
        for (int byte = 0; byte < 4; byte++)
            block[4 * i + byte] = (uint8_t)(word >> 8 * byte);
    }
    compress(INITIAL, block, 0, BLAKE3_BLOCK, PARENT | flags, result);
}

/* Compress the block that was kept back; `flags` says what it ends. */
static void end_block(const Blake3 *hash, uint32_t flags, uint32_t result[8])
{
    uint8_t block[BLAKE3_BLOCK] = {0};
    memcpy(block, hash->block, hash->filled);
    flags |= hash->before == 0 ? CHUNK_START : 0;
    compress(hash->value, block, hash->chunk, hash->filled, flags, result);
}

static void begin_chunk(Blake3 *hash, uint64_t number)
{
    memcpy(hash->value, INITIAL, sizeof hash->value);
    hash->chunk = number;
    hash->filled = hash->before = 0;
}

/* End a chunk that is full, and join every pair of subtrees that this completes. */
static void end_chunk(Blake3 *hash)
{
    uint32_t subtree[8];
    end_block(hash, CHUNK_END, subtree);
    for (uint64_t chunks = hash->chunk + 1; chunks % 2 == 0; chunks /= 2)
        join(hash->stack[--hash->depth], subtree, 0, subtree);
    memcpy(hash->stack[hash->depth++], subtree, sizeof subtree);
    begin_chunk(hash, hash->chunk + 1);
}

void blake3_begin(Blake3 *hash)
{
    hash->depth = 0;
    begin_chunk(hash, 0);
}

void blake3_add(Blake3 *hash, const void *data, size_t size)
{
    for (const uint8_t *next = data; size > 0;) {
        /* A full block is compressed only when more comes: the last one has a flag of its own. */
        if (hash->filled == BLAKE3_BLOCK && hash->before + BLAKE3_BLOCK == BLAKE3_CHUNK) {
            end_chunk(hash);
        } else if (hash->filled == BLAKE3_BLOCK) {
            end_block(hash, 0, hash->value);
            hash->before += BLAKE3_BLOCK;
            hash->filled = 0;
        }
        size_t part = BLAKE3_BLOCK - hash->filled;
        part = part < size ? part : size;
        memcpy(hash->block + hash->filled, next, part);
        hash->filled += part;
        next += part;
        size -= part;
    }
}

void blake3_finish(const Blake3 *hash, uint8_t digest[BLAKE3_BYTES])
{
    uint32_t subtree[8];
    end_block(hash, CHUNK_END | (hash->depth == 0 ? ROOT : 0), subtree);
    for (size_t level = hash->depth; level-- > 0;)
        join(hash->stack[level], subtree, level == 0 ? ROOT : 0, subtree);
    for (int i = 0; i < BLAKE3_BYTES; i++)
        digest[i] = (uint8_t)(subtree[i / 4] >> 8 * (i % 4));
}
