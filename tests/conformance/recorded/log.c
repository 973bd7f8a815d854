/*
 * A journal in one file, behind the adapter protocol, for the tests of power loss.
 *
 * A record is its length, a checksum and its payload.  Whatever a crash left is read as far
 * as it is valid and written to a new file, which replaces the old one.  The arguments break
 * it, each in one way:
 *
 *   no-sync             the file is never synced
 *   no-directory-sync   its directory is never synced
 *   ignore-errors       a sync that fails is taken for one that did not
 *   early               a thread syncs, and the answer does not wait for it
 *   behind              each record is written when the next one comes, and not before
 *   forgetful           every other opening forgets the last record
 *   mapped              records are stored through a mapping, and synced by msync
 *   async               the same, and msync does not wait (MS_ASYNC)
 *   trusting            the same, the header before the payload, and no checksum is looked at
 *   moved_in            a file is renamed in from outside at each opening, so its making was not seen
 *   dies                recovery dies where it has something to discard
 *   page                a record that crosses the end of a page of 2 KiB is not synced
 *   unsaid              the same, and hello does not speak of pages
 *   owned               a file says which process has the log; whoever finds it alive gives up
 *   blank               a payload that begins with eight zeros is taken for the end
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 1 << 20, HEADER = 8, MAPPED = 1 << 17, PAGE = 2048 };
static char line[2 * LARGEST], reply[4 * LARGEST], path[4096];
static uint8_t data[LARGEST];
static int log_file = -1, directory = -1, openings;
static size_t end;
static int no_sync, no_directory_sync, ignore_errors, early, forgetful, mapped, async, moved_in, behind, dies, page, unsaid, blank, owned, poisoned;
static size_t written;
static int trusting;
static uint8_t *memory;

/* Base64 */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t decode(const char *text, uint8_t *out) {
    size_t size = 0;
    uint32_t bits = 0;
    int count = 0;
    for (; *text && *text != '"' && *text != '='; text++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, *text) - digits);
        if ((count += 6) >= 8) out[size++] = (uint8_t)(bits >> (count -= 8));
    }
    return size;
}

static char *encode(char *out, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size; at += 3) {
        uint32_t three = 0;
        for (size_t i = 0; i < 3; i++) three = three << 8 | (at + i < size ? bytes[at + i] : 0);
        for (int i = 0; i < 4; i++)
            *out++ = at + i > size ? '=' : digits[three >> (18 - 6 * i) & 63];
    }
    return out;
}

/* Records */

static uint32_t checksum(const uint8_t *bytes, uint32_t size) {
    uint32_t hash = 2166136261u ^ size;
    for (uint32_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

static int is_record(size_t at, size_t limit, uint32_t *size) {
    uint32_t stored;
    if (at + HEADER > limit) return 0;
    memcpy(size, data + at, 4);
    memcpy(&stored, data + at + 4, 4);
    if (trusting) return *size && *size <= limit - at - HEADER;
    return *size <= limit - at - HEADER && stored == checksum(data + at + HEADER, *size);
}

static int is_blank(size_t at, uint32_t size) {
    return blank && size >= 8 && !memcmp(data + at + HEADER, "\0\0\0\0\0\0\0", 8);
}

static int sync_file(int file) {
    if (no_sync) return 0;
    if (mapped && memory) return msync(memory, MAPPED, async ? MS_ASYNC : MS_SYNC);
    return fsync(file) && !ignore_errors ? -1 : 0;
}

static int sync_directory(void) { return no_directory_sync ? 0 : fsync(directory); }

static void move_in(void) {
    close(openat(directory, "../../beside", O_WRONLY | O_CREAT, 0644));
    renameat(directory, "../../beside", directory, "inside");
}

static int take_it(void) {
    pid_t owner = 0, self = getpid();
    int file = openat(directory, "owner", O_RDWR | O_CREAT, 0644);
    if (read(file, &owner, sizeof owner) == sizeof owner && owner && owner != self && !kill(owner, 0))
        return -1;
    pwrite(file, &self, sizeof self, 0);
    return close(file);
}

static long open_log(void) {
    uint32_t size;
    size_t limit, valid = 0, last = 0;
    poisoned = 0;
    directory = open(path, O_RDONLY | O_DIRECTORY);
    if (owned && take_it()) return -1;
    int old = openat(directory, "log", O_RDONLY);
    limit = old < 0 ? 0 : (size_t)read(old, data, LARGEST);
    if (old >= 0) close(old);
    while (mapped && limit && !data[limit - 1]) limit--; /* zeros are what is free */
    for (; is_record(valid, limit, &size) && !is_blank(valid, size); valid += HEADER + size)
        last = valid;
    if (dies && valid < limit) _exit(3);
    end = forgetful && ++openings % 2 == 0 ? last : valid;
    unlinkat(directory, "log.new", 0); /* cut and written again, its old bytes might come back */
    log_file = openat(directory, "log.new", O_RDWR | O_CREAT | O_EXCL, 0644);
    if (log_file < 0 || write(log_file, data, end) != (ssize_t)end || sync_file(log_file) ||
        renameat(directory, "log.new", directory, "log") || sync_directory())
        return -1;
    if (mapped && (ftruncate(log_file, MAPPED) || fsync(log_file))) return -1;
    if (mapped)
        memory = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_SHARED, log_file, 0);
    if (moved_in) move_in();
    written = end;
    return (long)(limit - end);
}

static void *sync_later(void *unused) {
    usleep(2000);
    fsync(log_file);
    return unused;
}

static long append(const char *payload, int durable) {
    uint32_t size = (uint32_t)decode(payload, data + end + HEADER), sum;
    if (poisoned) return -1;
    poisoned = 1;
    sum = checksum(data + end + HEADER, size);
    memcpy(data + end, &size, 4);
    memcpy(data + end + 4, &sum, 4);
    if (behind && pwrite(log_file, data + written, end - written, (off_t)written) < 0) return -1;
    written = end;
    if (behind) sum = 0;
    else if (mapped) {
        memcpy(memory + end, data + end, HEADER);
        __asm__ volatile("" ::: "memory"); /* the payload comes second */
        memcpy(memory + end + HEADER, data + end + HEADER, size);
    }
    else if (pwrite(log_file, data + end, HEADER + size, (off_t)end) != (ssize_t)(HEADER + size))
        return -1;
    pthread_t other;
    if (durable && early) pthread_create(&other, NULL, sync_later, NULL);
    else if (durable && !(page && end / PAGE != (end + HEADER + size) / PAGE) && sync_file(log_file))
        return -1;
    poisoned = 0;
    end += HEADER + size;
    return (long)(end - HEADER - size);
}

static void close_log(void) {
    if (memory) munmap(memory, MAPPED);
    memory = NULL;
    close(log_file);
    close(directory);
    log_file = directory = -1;
}

/* Protocol: the requests come from this suite, so their form is known */

static const char *text_of(const char *name) {
    char key[32];
    sprintf(key, "\"%s\": \"", name);
    char *found = strstr(line, key);
    return found ? found + strlen(key) : "";
}

static int is(const char *op) { return strncmp(text_of("op"), op, strlen(op)) == 0; }

static void answer(char *out) {
    const char *implementation = "{\"name\": \"test\", \"version\": \"1\", \"language\": \"C\"}";
    long result;
    if (is("hello")) {
        sprintf(out, "\"ok\": {\"protocol\": 1, \"implementation\": %s, "
                     "\"claims\": [\"journal/core\"]%s}", implementation,
                page && !unsaid ? ", \"geometry\": {\"page\": 2048, \"header\": 8}" : "");
    } else if (is("journal.open")) {
        const char *dir = text_of("dir");
        sprintf(path, "%.*s", (int)strcspn(dir, "\""), dir);
        result = open_log();
        if (result < 0) close_log();
        if (result >= 0)
            sprintf(out, "\"ok\": {\"first\": 0, \"end\": %zu, \"discarded_bytes\": %ld}", end, result);
    } else if (is("journal.append")) {
        result = append(text_of("payload"), strstr(line, "\"durable\": false") == NULL);
        if (result >= 0) sprintf(out, "\"ok\": {\"offset\": %ld}", result);
    } else if (is("journal.scan")) {
        uint32_t size;
        out += sprintf(out, "\"ok\": {\"records\": [");
        for (size_t at = 0; at < end && is_record(at, end, &size); at += HEADER + size) {
            out += sprintf(out, "%s{\"offset\": %zu, \"payload\": \"", at ? ", " : "", at);
            out = encode(out, data + at + HEADER, size);
            out += sprintf(out, "\"}");
        }
        sprintf(out, "], \"end\": \"clean\"}");
    } else if (is("journal.sync")) {
        if (!poisoned && !(poisoned = sync_file(log_file) != 0))
            sprintf(out, "\"ok\": {\"durable\": %zu}", end);
    } else if (is("journal.close")) {
        int failed = poisoned || sync_file(log_file);
        close_log();
        if (!failed) sprintf(out, "\"ok\": {}");
    } else if (is("bye")) {
        sprintf(out, "\"ok\": {}");
    } else {
        sprintf(out, "\"unsupported\": \"%.*s\"", (int)strcspn(text_of("op"), "\""), text_of("op"));
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        no_sync |= !strcmp(argv[i], "no-sync");
        no_directory_sync |= !strcmp(argv[i], "no-directory-sync");
        ignore_errors |= !strcmp(argv[i], "ignore-errors");
        early |= !strcmp(argv[i], "early");
        forgetful |= !strcmp(argv[i], "forgetful");
        async |= !strcmp(argv[i], "async");
        trusting |= !strcmp(argv[i], "trusting");
        mapped |= !strcmp(argv[i], "mapped") || async || trusting;
        behind |= !strcmp(argv[i], "behind");
        moved_in |= !strcmp(argv[i], "moved_in");
        dies |= !strcmp(argv[i], "dies");
        unsaid |= !strcmp(argv[i], "unsaid");
        page |= !strcmp(argv[i], "page") || unsaid;
        blank |= !strcmp(argv[i], "blank");
        owned |= !strcmp(argv[i], "owned");
    }
    while (fgets(line, sizeof line, stdin)) {
        char *id = strstr(line, "\"id\": ");
        int start = sprintf(reply, "{\"id\": %ld, ", id ? atol(id + 6) : 0);
        reply[start] = '\0';
        answer(reply + start);
        if (!reply[start])
            sprintf(reply + start, "\"error\": {\"code\": \"%s\", \"message\": \"%s\"}",
                    poisoned ? "poisoned" : "io", strerror(errno));
        puts(strcat(reply, "}"));
        fflush(stdout);
    }
    return 0;
}
