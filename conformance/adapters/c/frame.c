#include "frame.h"

#include "blake3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const DAMAGE[] = {
    "sound",        "header cut short", "length above the maximum", "payload cut short",
    "CRC mismatch", "hash mismatch",    "unreadable",
};

/* CRC32C: Castagnoli's polynomial, bits reversed. */

static uint32_t crc_add(uint32_t crc, const uint8_t *data, size_t size)
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

/* The CRC covers the length and the hash, then the payload (FRM-2). */
static uint32_t crc_of_header(const uint8_t header[FRAME_HEADER])
{
    return crc_add(crc_add(0, header, 4), header + 8, BLAKE3_BYTES);
}

static void put_u32(uint8_t *bytes, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

void frame_encode(const uint8_t *payload, size_t size, uint8_t *frame)
{
    Blake3 hash;
    blake3_begin(&hash);
    blake3_add(&hash, payload, size);
    put_u32(frame, (uint32_t)size);
    blake3_finish(&hash, frame + 8);
    put_u32(frame + 4, crc_add(crc_of_header(frame), payload, size));
    memcpy(frame + FRAME_HEADER, payload, size);
}

bool read_fully(int file, void *buffer, size_t size, uint64_t at)
{
    for (uint8_t *next = buffer; size > 0;) {
        ssize_t count = pread(file, next, size, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            errno = count < 0 ? errno : EIO;
            return false;
        }
        next += count;
        at += (uint64_t)count;
        size -= (size_t)count;
    }
    return true;
}

Damage frame_read(int file, uint64_t at, uint64_t end, uint32_t maximum, uint32_t *size,
                  uint8_t **payload)
{
    static uint8_t block[64 << 10];
    uint8_t header[FRAME_HEADER], digest[BLAKE3_BYTES];

    /* measure */
    if (end - at < FRAME_HEADER)
        return HEADER_CUT;
    if (!read_fully(file, header, sizeof header, at))
        return UNREADABLE;
    *size = get_u32(header);
    at += FRAME_HEADER;
    if (*size > maximum)
        return LENGTH_ABOVE_MAXIMUM;
    if (*size > end - at)
        return PAYLOAD_CUT;

    /* read, a block at a time */
    uint8_t *copy = payload ? malloc(*size + (size_t)1) : NULL;
    if (payload && !copy)
        return UNREADABLE;
    Blake3 hash;
    blake3_begin(&hash);
    uint32_t crc = crc_of_header(header);
    for (uint32_t done = 0, part; done < *size; done += part) {
        uint8_t *into = copy ? copy + done : block;
        part = *size - done < sizeof block ? *size - done : sizeof block;
        if (!read_fully(file, into, part, at + done)) {
            free(copy);
            return UNREADABLE;
        }
        crc = crc_add(crc, into, part);
        blake3_add(&hash, into, part);
    }
    blake3_finish(&hash, digest);

    /* check: a wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4) */
    Damage found = crc != get_u32(header + 4)                  ? CRC_MISMATCH
                   : memcmp(digest, header + 8, BLAKE3_BYTES) ? HASH_MISMATCH
                                                               : SOUND;
    if (found == SOUND && payload)
        *payload = copy;
    else
        free(copy);
    return found;
}
