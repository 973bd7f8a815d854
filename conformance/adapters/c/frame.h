/*
 * One record on disk: length, CRC32C, BLAKE3, payload (the chapter "Frame").
 */
#ifndef TORNPROOF_FRAME_H
#define TORNPROOF_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_HEADER = 40, FRAME_MAXIMUM = 16 << 20 };

/* What is wrong with a frame; the first check that fails decides. */
typedef enum {
    SOUND,
    HEADER_CUT,
    LENGTH_ABOVE_MAXIMUM,
    PAYLOAD_CUT,
    CRC_MISMATCH,
    HASH_MISMATCH,
    UNREADABLE, /* the disk said no, in errno; never taken for damage (REC-11) */
} Damage;

extern const char *const DAMAGE[];

typedef struct {
    uint8_t *bytes; /* allocated */
    uint32_t size;
} Payload;

/* Write the frame of a payload to `frame`, which has FRAME_HEADER + size bytes. */
void frame_encode(const uint8_t *payload, uint32_t size, uint8_t *frame);

/*
 * Read the frame at a byte of a file that ends at byte `end`; the payload takes the
 * place of the one before.  Nothing is allocated before the length has been found
 * possible (FRM-5).
 */
Damage frame_read(int file, uint64_t at, uint64_t end, uint32_t maximum, Payload *payload);

/* Read until `size` bytes are there; false with errno if they are not, EIO at the file's end. */
bool read_fully(int file, uint8_t *buffer, size_t size, uint64_t at);

#endif
