#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = sizeof "0000000000000000.wal.tmp" };

/* Failures */

static bool fail(Failure *failure, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->message, sizeof failure->message, format, arguments);
    va_end(arguments);
    failure->code = code;
    failure->definite = true;
    return false;
}

/* An operating system's error leaves open what happened (JRN-6). */
static bool fail_io(Failure *failure, const char *action, const char *path, const char *name)
{
    int number = errno;
    bool full = number == ENOSPC || number == EDQUOT;
    fail(failure, full ? "no_space" : "io", "cannot %s %s/%s: %s", action, path, name,
         strerror(number));
    failure->definite = false;
    return false;
}

/* Names (SEG-1) */

static void name_segment(char name[NAME_BYTES], uint64_t base, const char *suffix)
{
    snprintf(name, NAME_BYTES, "%016" PRIx64 "%s", base, suffix);
}

static bool is_named(const char *name, const char *suffix)
{
    return strspn(name, "0123456789abcdef") == 16 && strcmp(name + 16, suffix) == 0;
}

static int by_base(const void *one, const void *other)
{
    uint64_t a = ((const Segment *)one)->base, b = ((const Segment *)other)->base;
    return (a > b) - (a < b);
}

/* Syncs */

static bool sync_directory(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = directory >= 0 && fsync(directory) == 0;
    int number = errno;
    if (directory >= 0)
        close(directory);
    errno = number;
    return synced;
}

/* After a failed sync nobody knows what is durable, and a second one would lie (JRN-7). */
static bool poison(Journal *journal, Failure *failure, const char *action, const char *name)
{
    journal->poisoned = true;
    return fail_io(failure, action, journal->path, name);
}

static bool require_sound(const Journal *journal, Failure *failure)
{
    if (!journal->poisoned)
        return true;
    return fail(failure, "poisoned",
                "%s: an earlier sync or rollback failed, so what is durable is unknown; "
                "open the journal again to recover it",
                journal->path);
}

/* Recovery decides first, without writing, and acts afterwards (REC-5). */

static bool add_segment(Journal *journal, uint64_t base)
{
    Segment *more = realloc(journal->segments, (journal->count + 1) * sizeof *more);
    if (!more)
        return false;
    journal->segments = more;
    more[journal->count++] = (Segment){base, 0};
    return true;
}

/* Find the segments, and remove our own unfinished files if told to (REC-10). */
static bool list_files(Journal *journal, bool remove_temporary, Failure *failure)
{
    int again = openat(journal->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = again < 0 ? NULL : fdopendir(again);
    if (!listing) {
        if (again >= 0)
            close(again);
        return fail_io(failure, "list", journal->path, "");
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(listing)); errno = 0) {
        if (remove_temporary && is_named(entry->d_name, ".wal.tmp"))
            unlinkat(journal->directory, entry->d_name, 0);
        if (!remove_temporary && is_named(entry->d_name, ".wal"))
            if (!add_segment(journal, strtoull(entry->d_name, NULL, 16)))
                break;
    }
    bool complete = errno == 0 || fail_io(failure, "list", journal->path, "");
    closedir(listing);
    return complete;
}

/* Set the size of a segment to that of its valid prefix; insist on all of a sealed one. */
static bool examine_segment(Journal *journal, size_t index, Failure *failure)
{
    Segment *segment = &journal->segments[index];
    bool sealed = index + 1 < journal->count;
    char name[NAME_BYTES];
    name_segment(name, segment->base, ".wal");
    struct stat status;
    int file = openat(journal->directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        fail_io(failure, "open", journal->path, name);
        if (file >= 0)
            close(file);
        return false;
    }

    uint64_t at = 0, end = (uint64_t)status.st_size;
    uint32_t size = 0;
    Damage found = SOUND;
    while (at < end && found == SOUND) {
        found = frame_read(file, at, end, journal->max_payload, &size, NULL);
        if (found == SOUND)
            at += FRAME_HEADER + (uint64_t)size;
    }
    /* A record that is only too long for this open is a good one, and is not cut. */
    bool too_long = found == LENGTH_ABOVE_MAXIMUM &&
                    frame_read(file, at, end, UINT32_MAX, &size, NULL) == SOUND;
    bool good = true;
    if (found == UNREADABLE)
        good = fail_io(failure, "read", journal->path, name);
    else if (found != SOUND && sealed)
        good = fail(failure, "corrupt",
                    "%s/%s: %s at byte %" PRIu64 " of a sealed segment, which holds acknowledged "
                    "records; nothing was changed: restore the file from a copy",
                    journal->path, name, DAMAGE[found], at);
    else if (too_long)
        good = fail(failure, "invalid",
                    "%s/%s: the record at byte %" PRIu64 " has %" PRIu32 " bytes, above the "
                    "max_payload of %" PRIu32 ": open the journal with a larger one",
                    journal->path, name, at, size, journal->max_payload);
    close(file);
    segment->size = at;
    if (found != SOUND) {
        journal->discarded = end - at;
        journal->reason = DAMAGE[found];
    }
    return good;
}

/* Decide what is kept: the longest valid prefix, of segments without a gap (REC-1, REC-6). */
static bool examine(Journal *journal, Failure *failure)
{
    if (!list_files(journal, false, failure))
        return false;
    if (journal->count > 0)
        qsort(journal->segments, journal->count, sizeof *journal->segments, by_base);
    for (size_t index = 0; index < journal->count; index++) {
        uint64_t base = journal->segments[index].base;
        if (index > 0 && base != journal->end)
            return fail(failure, "corrupt",
                        "%s: a segment ends at %" PRIu64 " and the next begins at %" PRIu64
                        "; nothing was changed: restore the files from a copy",
                        journal->path, journal->end, base);
        if (!examine_segment(journal, index, failure))
            return false;
        journal->end = base + journal->segments[index].size;
    }
    return true;
}

static bool write_fully(int file, const uint8_t *bytes, size_t size, uint64_t at)
{
    while (size > 0) {
        ssize_t count = pwrite(file, bytes, size, (off_t)at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            errno = count < 0 ? errno : EIO;
            return false;
        }
        bytes += count;
        at += (uint64_t)count;
        size -= (size_t)count;
    }
    return true;
}

/*
 * Cut the last segment, write what is kept over itself, and sync (REC-2, REC-8).
 *
 * After an earlier process's failed sync the kernel may hold pages that are
 * clean and not on disk.  Writing them again makes the sync mean something, and
 * cutting again does the same for a size that only the kernel knows.
 */
static bool make_durable(Journal *journal, Failure *failure)
{
    static uint8_t block[64 << 10];
    const Segment *last = &journal->segments[journal->count - 1];
    char name[NAME_BYTES];
    name_segment(name, last->base, ".wal");
    int file = openat(journal->directory, name, O_RDWR | O_CLOEXEC);
    bool done = file >= 0 && ftruncate(file, (off_t)last->size) == 0;
    for (uint64_t at = 0; done && at < last->size; at += sizeof block) {
        uint64_t left = last->size - at;
        size_t part = left < sizeof block ? (size_t)left : sizeof block;
        done = read_fully(file, block, part, at) && write_fully(file, block, part, at);
    }
    done = done && fdatasync(file) == 0;
    if (!done)
        fail_io(failure, "make durable what is kept of", journal->path, name);
    if (file >= 0)
        close(file);
    return done;
}

/* Create the directory if only that is missing; a new one's name must last, too. */
static bool open_directory(Journal *journal, Failure *failure)
{
    if (mkdir(journal->path, 0755) != 0 && errno != EEXIST)
        return fail_io(failure, "create", journal->path, "");
    journal->directory = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->directory < 0)
        return fail_io(failure, "open", journal->path, "");
    journal->lock = openat(journal->directory, "writer.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (journal->lock < 0)
        return fail_io(failure, "open", journal->path, "writer.lock");
    if (flock(journal->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return fail_io(failure, "lock", journal->path, "writer.lock");
    return fail(failure, "locked", "%s is open for writing elsewhere: close that writer first",
                journal->path);
}

static bool sync_parent(const Journal *journal, Failure *failure)
{
    char *copy = strdup(journal->path);
    bool synced = copy && sync_directory(dirname(copy));
    if (!synced)
        fail_io(failure, "sync the parent of", journal->path, "");
    free(copy);
    return synced;
}

static void let_go(Journal *journal)
{
    const int files[] = {journal->active, journal->lock, journal->directory};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            close(files[i]);
    free(journal->segments);
    free(journal->path);
    free(journal);
}

Journal *journal_open(const char *path, uint64_t segment_bytes, uint32_t max_payload,
                      Failure *failure)
{
    Journal *journal = calloc(1, sizeof *journal);
    char *copy = strdup(path);
    if (!journal || !copy) {
        free(journal);
        free(copy);
        fail_io(failure, "open", path, "");
        return NULL;
    }
    *journal = (Journal){.path = copy,
                         .directory = -1,
                         .lock = -1,
                         .segment_bytes = segment_bytes,
                         .max_payload = max_payload,
                         .active = -1};
    bool opened = open_directory(journal, failure) && examine(journal, failure) &&
                  list_files(journal, true, failure) &&
                  (journal->count > 0 ? make_durable(journal, failure)
                                      : sync_parent(journal, failure));
    if (opened)
        return journal;
    let_go(journal);
    return NULL;
}

/* Writing */

bool journal_sync(Journal *journal, Failure *failure)
{
    if (!require_sound(journal, failure))
        return false;
    if (journal->dirty && fdatasync(journal->active) != 0)
        return poison(journal, failure, "sync the active segment of", "");
    journal->dirty = false;
    return true;
}

/*
 * Seal the active segment and make the next, durable in name (SEG-4).
 *
 * The file gets its name by a rename, so that an empty one of the same name is
 * replaced by a file to which nobody ever wrote.
 */
static bool start_segment(Journal *journal, Failure *failure)
{
    /* seal */
    if (!journal_sync(journal, failure))
        return false;
    if (journal->active >= 0)
        close(journal->active);
    journal->active = -1;

    /* make */
    char temporary[NAME_BYTES], name[NAME_BYTES];
    name_segment(temporary, journal->end, ".wal.tmp");
    name_segment(name, journal->end, ".wal");
    int file = openat(journal->directory, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0)
        return fail_io(failure, "create", journal->path, temporary);
    bool empty = journal->count > 0 && journal->segments[journal->count - 1].base == journal->end;
    bool added = empty || add_segment(journal, journal->end);
    if (!added || renameat(journal->directory, temporary, journal->directory, name) != 0) {
        fail_io(failure, "name", journal->path, temporary);
        journal->count -= added && !empty;
        close(file);
        unlinkat(journal->directory, temporary, 0);
        return false;
    }

    /* barrier */
    journal->active = file;
    journal->finished = false;
    if (fsync(journal->directory) != 0)
        return poison(journal, failure, "sync", "");
    return true;
}

/* Write a frame wholly or not at all: a fragment is cut off, or the journal poisoned (JRN-8). */
static bool write_frame(Journal *journal, const Payload *payload, Failure *failure)
{
    Segment *segment = &journal->segments[journal->count - 1];
    size_t size = FRAME_HEADER + payload->size;
    uint8_t *frame = malloc(size);
    if (!frame)
        return fail_io(failure, "append to", journal->path, "");
    frame_encode(payload->bytes, payload->size, frame);
    journal->dirty = true;
    bool written = write_fully(journal->active, frame, size, segment->size);
    free(frame);
    if (written) {
        segment->size += size;
        journal->end += size;
        return true;
    }
    fail_io(failure, "append to", journal->path, "");
    journal->finished = true;
    journal->poisoned = ftruncate(journal->active, (off_t)segment->size) != 0;
    return false;
}

bool journal_append(Journal *journal, const Payload *payloads, size_t count, bool durable,
                    uint64_t *offsets, Failure *failure)
{
    /* validate */
    if (!require_sound(journal, failure))
        return false;
    for (size_t i = 0; i < count; i++)
        if (payloads[i].size > journal->max_payload)
            return fail(failure, "too_large", "payload of %zu bytes is above the maximum of %" PRIu32,
                        payloads[i].size, journal->max_payload);

    /* write: a segment that has been cut, or that somebody else made, takes nothing */
    for (size_t i = 0; i < count; i++) {
        const Segment *last = journal->count ? &journal->segments[journal->count - 1] : NULL;
        bool full = last && last->size > 0 &&
                    last->size + FRAME_HEADER + payloads[i].size > journal->segment_bytes;
        if (journal->active < 0 || journal->finished || full)
            if (!start_segment(journal, failure))
                return false;
        offsets[i] = journal->end;
        if (!write_frame(journal, &payloads[i], failure))
            return false;
    }

    /* barrier */
    return !durable || journal_sync(journal, failure);
}

bool journal_rotate(Journal *journal, Failure *failure)
{
    if (!require_sound(journal, failure))
        return false;
    bool empty = journal->active >= 0 && journal->segments[journal->count - 1].size == 0;
    return empty || start_segment(journal, failure);
}

bool journal_cleanup(Journal *journal, uint64_t cursor, Failure *failure)
{
    if (!require_sound(journal, failure))
        return false;
    while (journal->count > 1 && journal->segments[1].base <= cursor) {
        char name[NAME_BYTES];
        name_segment(name, journal->segments[0].base, ".wal");
        if (unlinkat(journal->directory, name, 0) != 0 || fsync(journal->directory) != 0)
            return poison(journal, failure, "remove", name);
        journal->count--;
        memmove(journal->segments, journal->segments + 1,
                journal->count * sizeof *journal->segments);
    }
    return true;
}

bool journal_close(Journal *journal, Failure *failure)
{
    bool durable = journal_sync(journal, failure);
    let_go(journal);
    return durable;
}

/* Reading */

uint64_t journal_first(const Journal *journal)
{
    return journal->count ? journal->segments[0].base : 0;
}

/* Find the segment that holds an offset, by its name (SEG-3). */
static size_t find_segment(const Journal *journal, uint64_t offset)
{
    size_t low = 0, high = journal->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (journal->segments[middle].base <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/*
 * Visit the records of one segment from `offset` on, walking from its first:
 * only a walk from a boundary can tell where another one is (SEG-8).
 */
static bool scan_segment(const Journal *journal, const Segment *segment, uint64_t offset,
                         Visit *visit, void *context, bool *more, Failure *failure)
{
    char name[NAME_BYTES];
    name_segment(name, segment->base, ".wal");
    int file = openat(journal->directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fail_io(failure, "open", journal->path, name);
    uint64_t at = 0, start = offset > segment->base ? offset - segment->base : 0;
    bool good = true;
    while (good && *more && at < segment->size) {
        uint8_t *payload = NULL;
        uint32_t size = 0;
        Damage found = frame_read(file, at, segment->size, journal->max_payload, &size,
                           at < start ? NULL : &payload);
        uint64_t next = at + FRAME_HEADER + size;
        if (found == UNREADABLE)
            good = fail_io(failure, "read", journal->path, name);
        else if (found != SOUND)
            good = fail(failure, "corrupt", "%s/%s: %s at byte %" PRIu64, journal->path, name,
                        DAMAGE[found], at);
        else if (at < start && next > start)
            good = fail(failure, "not_a_boundary",
                        "offset %" PRIu64 " lies inside the record at %" PRIu64, offset,
                        segment->base + at);
        else if (at >= start)
            *more = visit(context, segment->base + at, payload, size);
        free(payload);
        at = next;
    }
    close(file);
    return good;
}

bool journal_scan(Journal *journal, uint64_t offset, Visit *visit, void *context,
                  Failure *failure)
{
    if (offset >= journal->end || journal->count == 0)
        return fail(failure, "beyond_end",
                    "offset %" PRIu64 " is at or beyond the end of the journal, %" PRIu64, offset,
                    journal->end);
    if (offset < journal->segments[0].base)
        return fail(failure, "trimmed",
                    "offset %" PRIu64 " was removed by cleanup: the first one kept is %" PRIu64,
                    offset, journal->segments[0].base);
    bool more = true;
    for (size_t i = find_segment(journal, offset); more && i < journal->count; i++)
        if (!scan_segment(journal, &journal->segments[i], offset, visit, context, &more, failure))
            return false;
    return true;
}
