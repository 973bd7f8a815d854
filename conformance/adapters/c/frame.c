#include "frame.h"

#include "checksums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CRC = 4, HASH = 8 }; /* where they stand; the length is at 0 */

const char *const DAMAGE[] = {
    "sound",        "header cut short", "length above the maximum", "payload cut short",
    "CRC mismatch", "hash mismatch",    "unreadable",
};

/* The CRC covers the length and the hash, then the payload (FRM-2). */
static uint32_t crc_of(const uint8_t header[FRAME_HEADER], const uint8_t *payload, uint32_t size)
{
    return crc32c(crc32c(crc32c(0, header, CRC), header + HASH, HASH_BYTES), payload, size);
}

void frame_encode(const uint8_t *payload, uint32_t size, uint8_t *frame)
{
    store_u32(frame, size);
    blake3(payload, size, frame + HASH);
    store_u32(frame + CRC, crc_of(frame, payload, size));
    memcpy(frame + FRAME_HEADER, payload, size);
}

bool read_fully(int file, uint8_t *buffer, size_t size, uint64_t at)
{
    for (ssize_t count; size > 0; buffer += count, at += (uint64_t)count, size -= (size_t)count) {
        count = pread(file, buffer, size, (off_t)at);
        if (count == 0)
            errno = EIO;
        if (count <= 0)
            return false;
    }
    return true;
}

Damage frame_read(int file, uint64_t at, uint64_t end, uint32_t maximum, Payload *payload)
{
    /* measure */
    uint8_t header[FRAME_HEADER];
    if (end - at < FRAME_HEADER)
        return HEADER_CUT;
    if (!read_fully(file, header, sizeof header, at))
        return UNREADABLE;
    uint32_t size = load_u32(header);
    if (size > maximum)
        return LENGTH_ABOVE_MAXIMUM;
    if (size > end - at - FRAME_HEADER)
        return PAYLOAD_CUT;

    /* read */
    uint8_t *bytes = realloc(payload->bytes, size + (size_t)1);
    if (!bytes)
        return UNREADABLE;
    *payload = (Payload){bytes, size};
    if (!read_fully(file, bytes, size, at + FRAME_HEADER))
        return UNREADABLE;

    /* check: a wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4) */
    if (crc_of(header, bytes, size) != load_u32(header + CRC))
        return CRC_MISMATCH;
    uint8_t hash[HASH_BYTES];
    blake3(bytes, size, hash);
    return memcmp(hash, header + HASH, HASH_BYTES) == 0 ? SOUND : HASH_MISMATCH;
}
