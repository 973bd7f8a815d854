/*
 * BLAKE3, unkeyed, with 32 bytes of output.
 *
 * Bytes may be added in pieces of any size, so that a record can be checked
 * without holding all of it.
 */
#ifndef TORNPROOF_BLAKE3_H
#define TORNPROOF_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

enum { BLAKE3_BYTES = 32, BLAKE3_BLOCK = 64, BLAKE3_CHUNK = 1024, BLAKE3_DEPTH = 54 };

typedef struct {
    uint32_t value[8];                 /* chaining value of the chunk so far */
    uint64_t chunk;                    /* number of the chunk, from zero */
    uint8_t block[BLAKE3_BLOCK];       /* the last block, kept back until more comes */
    size_t filled;                     /* bytes in that block */
    size_t before;                     /* bytes of the chunk before that block */
    uint32_t stack[BLAKE3_DEPTH][8];   /* subtrees that still lack a right sibling */
    size_t depth;
} Blake3;

void blake3_begin(Blake3 *hash);
void blake3_add(Blake3 *hash, const void *data, size_t size);
void blake3_finish(const Blake3 *hash, uint8_t digest[BLAKE3_BYTES]);

#endif
