#include "journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Failures */

bool refuse(Failure *failure, const char *code, const char *format, ...)
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
static bool fail(Journal *journal, const char *action, const char *name)
{
    const char *code = errno == ENOSPC || errno == EDQUOT ? "no_space" : "io";
    refuse(&journal->failure, code, "cannot %s %s/%s: %s", action, journal->path, name,
           strerror(errno));
    journal->failure.definite = false;
    return false;
}

/* After a failed sync nobody knows what is durable, and a second one would lie (JRN-7). */
static bool poison(Journal *journal, const char *action, const char *name)
{
    journal->poisoned = true;
    return fail(journal, action, name);
}

static bool require_sound(Journal *journal)
{
    if (!journal->poisoned)
        return true;
    return refuse(&journal->failure, "poisoned",
                  "%s: an earlier sync or rollback failed, so what is durable is unknown; "
                  "open the journal again to recover it",
                  journal->path);
}

/* Open a file of ours: no link, pipe or device, and for writing none of two names (REC-13). */
static int open_own(int directory, const char *name, int flags)
{
    int file = openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    struct stat found;
    if (file < 0 || fstat(file, &found) != 0)
        return file;
    bool is_written = (flags & O_ACCMODE) != O_RDONLY;
    if (S_ISREG(found.st_mode) && !(is_written && found.st_nlink > 1))
        return file;
    close(file);
    errno = S_ISREG(found.st_mode) ? EMLINK : EINVAL;
    return -1;
}

/* Segments and their names (SEG-1) */

typedef struct {
    char text[sizeof "0123456789abcdef.wal.tmp"];
} Name;

static Name name_of(uint64_t base, const char *suffix)
{
    Name name;
    snprintf(name.text, sizeof name.text, "%016" PRIx64 "%s", base, suffix);
    return name;
}

static bool is_named(const char *name, const char *suffix)
{
    return strspn(name, "0123456789abcdef") == 16 && strcmp(name + 16, suffix) == 0;
}

static int is_segment(const struct dirent *entry)
{
    return is_named(entry->d_name, ".wal");
}

static int is_temporary(const struct dirent *entry)
{
    return is_named(entry->d_name, ".wal.tmp");
}

static Segment *last_segment(const Journal *journal)
{
    return &journal->segments[journal->count - 1];
}

uint64_t journal_first(const Journal *journal)
{
    return journal->count ? journal->segments[0].base : 0;
}

static bool add_segment(Journal *journal, uint64_t base, uint64_t size)
{
    Segment *more = realloc(journal->segments, (journal->count + 1) * sizeof *more);
    if (!more)
        return fail(journal, "add a segment to", "");
    journal->segments = more;
    more[journal->count++] = (Segment){base, size};
    journal->end = base + size;
    return true;
}

/* Recovery decides first, without writing, and acts afterwards (REC-5). */

/* Measure the valid prefix of a segment, and insist on all of a sealed one. */
static bool examine_segment(Journal *journal, uint64_t base, bool sealed)
{
    Name name = name_of(base, ".wal");
    int file = open_own(journal->directory, name.text, O_RDONLY);
    off_t length = file < 0 ? -1 : lseek(file, 0, SEEK_END);
    if (length < 0) {
        fail(journal, "open", name.text);
        close(file);
        return false;
    }

    Payload *payload = &journal->payload;
    uint64_t at = 0, end = (uint64_t)length;
    Damage found = SOUND, whole = SOUND;
    while (at < end &&
           (found = frame_read(file, at, end, journal->max_payload, payload)) == SOUND)
        at += FRAME_HEADER + (uint64_t)payload->size;
    if (found == LENGTH_ABOVE_MAXIMUM)
        whole = frame_read(file, at, end, UINT32_MAX, payload);
    bool good = true;
    if (found == UNREADABLE || whole == UNREADABLE)
        good = fail(journal, "read", name.text);
    else if (found != SOUND && sealed)
        good = refuse(&journal->failure, "corrupt",
                      "%s/%s: %s at byte %" PRIu64 " of a sealed segment, which holds "
                      "acknowledged records; nothing was changed: restore the file from a copy",
                      journal->path, name.text, DAMAGE[found], at);
    else if (found == LENGTH_ABOVE_MAXIMUM && whole == SOUND) /* good, and not to be cut */
        good = refuse(&journal->failure, "invalid",
                      "%s/%s: the record at byte %" PRIu64 " has %" PRIu32 " bytes, above the "
                      "max_payload of %" PRIu32 ": open the journal with a larger one",
                      journal->path, name.text, at, payload->size, journal->max_payload);
    close(file);
    if (found != SOUND) {
        journal->discarded = end - at;
        journal->reason = DAMAGE[found];
    }
    return good && add_segment(journal, base, at);
}

/* Decide what is kept: the longest valid prefix, of segments without a gap (REC-1, REC-6). */
static bool examine(Journal *journal)
{
    struct dirent **entries;
    int count = scandirat(journal->directory, ".", &entries, is_segment, alphasort);
    if (count < 0)
        return fail(journal, "list", "");
    bool good = true;
    for (int i = 0; i < count; free(entries[i++])) {
        uint64_t base = strtoull(entries[i]->d_name, NULL, 16);
        if (good && i > 0 && base != journal->end)
            good = refuse(&journal->failure, "corrupt",
                          "%s: a segment ends at %" PRIu64 " and the next begins at %" PRIu64
                          "; nothing was changed: restore the files from a copy",
                          journal->path, journal->end, base);
        good = good && examine_segment(journal, base, i + 1 < count);
    }
    free(entries);
    return good;
}

/* Remove our own unfinished files, and nobody else's (REC-10). */
static bool remove_temporaries(Journal *journal)
{
    struct dirent **entries;
    int count = scandirat(journal->directory, ".", &entries, is_temporary, NULL);
    if (count < 0)
        return fail(journal, "list", "");
    bool good = true;
    for (int i = 0; i < count; free(entries[i++]))
        if (good && unlinkat(journal->directory, entries[i]->d_name, 0) != 0)
            good = fail(journal, "remove", entries[i]->d_name);
    free(entries);
    return good;
}

static bool write_fully(int file, const uint8_t *bytes, size_t size, uint64_t at)
{
    for (ssize_t count; size > 0; bytes += count, at += (uint64_t)count, size -= (size_t)count) {
        count = pwrite(file, bytes, size, (off_t)at);
        if (count == 0)
            errno = EIO;
        if (count <= 0)
            return false;
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
static bool make_durable(Journal *journal, const Segment *last)
{
    static uint8_t block[64 << 10];
    Name name = name_of(last->base, ".wal");
    int file = open_own(journal->directory, name.text, O_RDWR);
    bool done = file >= 0 && ftruncate(file, (off_t)last->size) == 0;
    for (uint64_t at = 0; done && at < last->size; at += sizeof block) {
        size_t part = last->size - at < sizeof block ? last->size - at : sizeof block;
        done = read_fully(file, block, part, at) && write_fully(file, block, part, at);
    }
    done = (done && fdatasync(file) == 0) || fail(journal, "make durable", name.text);
    close(file);
    return done;
}

/* A directory that may be new must not vanish with what is acknowledged in it. */
static bool sync_parent(Journal *journal)
{
    int parent = openat(journal->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = (parent >= 0 && fsync(parent) == 0) || fail(journal, "sync", "..");
    close(parent);
    return synced;
}

static bool lock_directory(Journal *journal)
{
    if (mkdir(journal->path, 0755) != 0 && errno != EEXIST)
        return fail(journal, "create", "");
    journal->directory = open(journal->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->directory < 0)
        return fail(journal, "open", "");
    journal->lock = open_own(journal->directory, "writer.lock", O_RDWR | O_CREAT);
    if (journal->lock < 0)
        return fail(journal, "open", "writer.lock");
    if (flock(journal->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return fail(journal, "lock", "writer.lock");
    return refuse(&journal->failure, "locked",
                  "%s is open for writing elsewhere: close that writer first", journal->path);
}

static void let_go(Journal *journal)
{
    close(journal->active); /* where there is none, -1 is refused and no harm done */
    close(journal->lock);
    close(journal->directory);
    free(journal->segments);
    free(journal->payload.bytes);
}

bool journal_open(Journal *journal, const char *path, uint64_t segment_bytes, uint32_t max_payload)
{
    *journal = (Journal){.directory = -1, .lock = -1, .active = -1};
    journal->segment_bytes = segment_bytes;
    journal->max_payload = max_payload;
    if (snprintf(journal->path, PATH_MAX, "%s", path) >= PATH_MAX)
        return refuse(&journal->failure, "invalid", "a path of more than %d bytes", PATH_MAX);
    bool opened = lock_directory(journal) && examine(journal) && remove_temporaries(journal) &&
                  (journal->count > 0 ? make_durable(journal, last_segment(journal))
                                      : sync_parent(journal));
    journal->durable = journal->end;
    if (!opened)
        let_go(journal);
    return opened;
}

/* Writing */

bool journal_sync(Journal *journal)
{
    if (!require_sound(journal))
        return false;
    if (journal->durable < journal->end && fdatasync(journal->active) != 0)
        return poison(journal, "sync the active segment of", "");
    journal->durable = journal->end;
    return true;
}

/*
 * Seal the active segment and make the next, durable in name (SEG-4).
 *
 * The file gets its name by a rename, so that an empty one of the same name is
 * replaced by a file to which nobody ever wrote.
 */
static bool start_segment(Journal *journal)
{
    /* seal */
    if (!journal_sync(journal))
        return false;
    close(journal->active);
    journal->active = -1;

    /* make */
    Name temporary = name_of(journal->end, ".wal.tmp"), name = name_of(journal->end, ".wal");
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    int file = openat(journal->directory, temporary.text, flags, 0644);
    if (file < 0)
        return fail(journal, "create", temporary.text);
    if (renameat(journal->directory, temporary.text, journal->directory, name.text) != 0) {
        fail(journal, "rename", temporary.text);
        close(file);
        unlinkat(journal->directory, temporary.text, 0); /* otherwise recovery removes it */
        return false;
    }
    journal->active = file;

    /* barrier */
    if (fsync(journal->directory) != 0)
        return poison(journal, "sync", "");
    bool replaced = journal->count > 0 && last_segment(journal)->base == journal->end;
    journal->poisoned = !replaced && !add_segment(journal, journal->end, 0);
    return !journal->poisoned;
}

/*
 * Cut off a fragment and seal what is left, or poison the journal (JRN-8): where a
 * file has been cut, old bytes may come back, so nothing more is written there.
 */
static void roll_back(Journal *journal)
{
    off_t size = (off_t)last_segment(journal)->size;
    journal->poisoned = ftruncate(journal->active, size) != 0 || fdatasync(journal->active) != 0;
    journal->durable = journal->end;
    close(journal->active);
    journal->active = -1;
}

bool journal_append(Journal *journal, const uint8_t *payload, size_t size, bool durable,
                    uint64_t *offset)
{
    /* validate */
    if (!require_sound(journal))
        return false;
    if (size > journal->max_payload)
        return refuse(&journal->failure, "too_large",
                      "payload of %zu bytes is above the maximum of %" PRIu32, size,
                      journal->max_payload);

    /* make room: a segment that somebody else made takes nothing, an empty one anything (SEG-6) */
    size_t whole = FRAME_HEADER + size;
    uint64_t held = journal->count ? last_segment(journal)->size : 0;
    bool full = held > 0 && held + whole > journal->segment_bytes;
    if ((full || journal->active < 0) && !start_segment(journal))
        return false;

    /* write */
    *offset = journal->end;
    uint8_t *frame = malloc(whole);
    if (!frame)
        return fail(journal, "append to", "");
    frame_encode(payload, (uint32_t)size, frame);
    Segment *last = last_segment(journal);
    bool written = write_fully(journal->active, frame, whole, last->size) ||
                   fail(journal, "append to", "");
    free(frame);
    if (!written) {
        roll_back(journal);
        return false;
    }
    last->size += whole;
    journal->end += whole;

    /* barrier */
    return !durable || journal_sync(journal);
}

bool journal_rotate(Journal *journal)
{
    if (!require_sound(journal))
        return false;
    bool empty = journal->active >= 0 && last_segment(journal)->size == 0;
    return empty || start_segment(journal);
}

bool journal_cleanup(Journal *journal, uint64_t cursor)
{
    if (!require_sound(journal))
        return false;
    while (journal->count > 1 && journal->segments[1].base <= cursor) {
        Name name = name_of(journal->segments[0].base, ".wal");
        if (unlinkat(journal->directory, name.text, 0) != 0 || fsync(journal->directory) != 0)
            return poison(journal, "remove", name.text);
        journal->count--;
        memmove(journal->segments, journal->segments + 1,
                journal->count * sizeof *journal->segments);
    }
    return true;
}

bool journal_close(Journal *journal)
{
    bool durable = journal_sync(journal);
    let_go(journal);
    return durable;
}

/* Reading */

/*
 * Walk to a record from the last boundary before it, or from its segment's first:
 * only a walk from a boundary can tell where another one is (SEG-8).
 */
static bool walk(Journal *journal, int file, const Segment *segment, const char *name,
                 uint64_t offset)
{
    bool known = segment->base <= journal->boundary && journal->boundary <= offset;
    uint64_t at, next = known ? journal->boundary : segment->base;
    do {
        at = next;
        Damage found = frame_read(file, at - segment->base, segment->size, journal->max_payload,
                                  &journal->payload);
        if (found == UNREADABLE)
            return fail(journal, "read", name);
        if (found != SOUND)
            return refuse(&journal->failure, "corrupt", "%s/%s: %s at byte %" PRIu64,
                          journal->path, name, DAMAGE[found], at - segment->base);
        next = at + FRAME_HEADER + (uint64_t)journal->payload.size;
    } while (next <= offset);
    if (at != offset)
        return refuse(&journal->failure, "not_a_boundary",
                      "offset %" PRIu64 " lies inside the record at %" PRIu64, offset, at);
    journal->boundary = next;
    return true;
}

bool journal_read(Journal *journal, uint64_t offset)
{
    if (offset >= journal->end)
        return refuse(&journal->failure, "beyond_end",
                      "offset %" PRIu64 " is at or beyond the end of the journal, %" PRIu64,
                      offset, journal->end);
    if (offset < journal_first(journal))
        return refuse(&journal->failure, "trimmed",
                      "offset %" PRIu64 " was removed by cleanup: the first one kept is %" PRIu64,
                      offset, journal_first(journal));
    const Segment *segment = last_segment(journal);
    while (segment->base > offset)
        segment--;
    Name name = name_of(segment->base, ".wal");
    int file = open_own(journal->directory, name.text, O_RDONLY);
    if (file < 0)
        return fail(journal, "open", name.text);
    bool found = walk(journal, file, segment, name.text, offset);
    close(file);
    return found;
}
