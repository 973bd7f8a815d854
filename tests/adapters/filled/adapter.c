/* A journal in one file: the length, a checksum and the bytes of each record. */
#include "kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const journal_name = "one file";
const char *const journal_version = "1";

static int file;
static uint64_t end;

/* FNV-1a over the length too, so that no run of zeros is a record. */
static uint32_t checksum(const unsigned char *payload, uint32_t size)
{
    uint32_t sum = (2166136261u ^ size) * 16777619u;
    for (uint32_t n = 0; n < size; n++)
        sum = (sum ^ payload[n]) * 16777619u;
    return sum;
}

static int write_all(const void *data, size_t size, uint64_t at)
{
    for (const char *from = data; size;) {
        ssize_t written = pwrite(file, from, size, (off_t)at);
        if (written < 0)
            return failed("pwrite");
        from += written, at += (uint64_t)written, size -= (size_t)written;
    }
    return 0;
}

static void measure(uint64_t offset, const void *payload, size_t size)
{
    (void)payload;
    end = offset + 8 + size;
}

int journal_open(const char *directory)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log", directory);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return failed("open");
    end = 0;
    int bad = journal_scan(measure);
    if (!bad && (ftruncate(file, (off_t)end) || fsync(file)))
        bad = failed("ftruncate or fsync");
    if (!bad)
        bad = sync_directory(directory);
    if (bad)
        close(file);
    return bad;
}

int journal_append(const void *payload, size_t size, bool durable, uint64_t *offset)
{
    uint32_t head[2] = {(uint32_t)size, checksum(payload, (uint32_t)size)};
    unsigned char *frame = malloc(8 + size);
    memcpy(frame, head, 8);
    memcpy(frame + 8, payload, size);
    int bad = write_all(frame, 8 + size, end);
    free(frame);
    if (!bad && durable && fsync(file))
        bad = failed("fsync");
    *offset = end;
    end += 8 + size;
    return bad;
}

int journal_scan(void (*visit)(uint64_t offset, const void *payload, size_t size))
{
    off_t length = lseek(file, 0, SEEK_END);
    uint32_t head[2];
    for (off_t at = 0; pread(file, head, 8, at) == 8 && at + 8 + head[0] <= length; at += 8 + head[0]) {
        unsigned char *payload = malloc(head[0] + 1);
        bool whole = pread(file, payload, head[0], at + 8) == (ssize_t)head[0];
        whole = whole && head[1] == checksum(payload, head[0]);
        if (whole)
            visit((uint64_t)at, payload, head[0]);
        free(payload);
        if (!whole)
            break;
    }
    return 0;
}

int journal_close(void)
{
    int bad = fsync(file) ? failed("fsync") : 0;
    close(file);
    return bad;
}
