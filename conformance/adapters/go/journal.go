package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"syscall"
)

// A journal of segments in a directory, written from the specification: the
// chapters "Journal", "Recovery" and "Segments", which the comments cite.

const segmentBytes = 64 << 20 // size at which a segment is sealed, unless configured

var (
	segmentName   = regexp.MustCompile(`^[0-9a-f]{16}\.wal$`)
	temporaryName = regexp.MustCompile(`^[0-9a-f]{16}\.wal\.tmp$`)
)

// A failure says why something failed, and whether it certainly had no effect
// (JRN-6).
type failure struct {
	code     string
	definite bool
	message  string
}

func (f *failure) Error() string { return f.message }

// refuse fails before anything was done.
func refuse(code, format string, values ...any) error {
	return &failure{code, true, fmt.Sprintf(format, values...)}
}

// during says what was being done when the operating system reported an error,
// which leaves open what happened.
func during(action, path string, err error) error {
	if err == nil {
		return nil
	}
	code := "io"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		code = "no_space"
	}
	return &failure{code, false, fmt.Sprintf("cannot %s %s: %v", action, path, err)}
}

// A segment is the half-open range of offsets from base on that one file holds.
type segment struct {
	base uint64
	size int64
}

func (s segment) end() uint64 { return s.base + uint64(s.size) }

type journal struct {
	directory    string
	lock         *os.File
	segmentBytes int64
	maxPayload   uint32

	segments []segment // ascending; all but the last are sealed
	active   *os.File  // the segment that this process made: no other is appended to
	finished bool      // a write to it was rolled back, so it takes no more
	dirty    bool      // it was written to since it was synced
	poisoned bool      // a sync failed: only opening again tells what is durable (JRN-7)

	discarded int64 // bytes that recovery cut, and why (REC-7)
	reason    damage
}

// openJournal locks, recovers and opens.
func openJournal(directory string, segmentBytes int64, maxPayload uint32) (_ *journal, err error) {
	if err := os.Mkdir(directory, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, during("create", directory, err)
	}
	path := filepath.Join(directory, "writer.lock")
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, during("open", path, err)
	}
	j := &journal{directory: directory, lock: lock, segmentBytes: segmentBytes, maxPayload: maxPayload}
	defer func() {
		if err != nil {
			j.letGo()
		}
	}()
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, refuse("locked", "%s is open for writing elsewhere: close that writer first", directory)
	}
	if err != nil {
		return nil, during("lock", path, err)
	}

	// decide, without writing (REC-5)
	unfinished, err := j.examine()
	if err != nil {
		return nil, err
	}

	// act
	for _, path := range unfinished {
		if err := os.Remove(path); err != nil {
			return nil, during("remove", path, err)
		}
	}
	if len(j.segments) == 0 {
		// a directory that may be new must not vanish with what is acknowledged in it
		parent := filepath.Dir(directory)
		return j, during("sync", parent, syncDirectory(parent))
	}
	return j, j.makeDurable(j.last())
}

func (j *journal) path(base uint64) string {
	return filepath.Join(j.directory, fmt.Sprintf("%016x.wal", base))
}

func (j *journal) last() *segment { return &j.segments[len(j.segments)-1] }

func (j *journal) first() uint64 {
	if len(j.segments) == 0 {
		return 0
	}
	return j.segments[0].base
}

func (j *journal) end() uint64 {
	if len(j.segments) == 0 {
		return 0
	}
	return j.last().end()
}

// syncDirectory makes names durable: the sync of a file does not cover its name.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// Recovery

// examine decides what is kept, the longest valid prefix of segments without a
// gap (REC-1, REC-6), and returns our own unfinished files (REC-10).
func (j *journal) examine() (unfinished []string, err error) {
	entries, err := os.ReadDir(j.directory) // in ascending order of names, so of bases
	if err != nil {
		return nil, during("list", j.directory, err)
	}
	var bases []uint64
	for _, entry := range entries {
		if segmentName.MatchString(entry.Name()) {
			base, _ := strconv.ParseUint(entry.Name()[:16], 16, 64)
			bases = append(bases, base)
		} else if temporaryName.MatchString(entry.Name()) {
			unfinished = append(unfinished, filepath.Join(j.directory, entry.Name()))
		}
	}
	for index, base := range bases {
		if index > 0 && j.end() != base {
			return nil, refuse("corrupt", "%s: a segment ends at %d and the next begins at %d; "+
				"nothing was changed: restore the files from a copy", j.directory, j.end(), base)
		}
		size, err := j.examineSegment(base, index+1 < len(bases))
		if err != nil {
			return nil, err
		}
		j.segments = append(j.segments, segment{base, size})
	}
	return unfinished, nil
}

// examineSegment measures the valid prefix of a segment, and insists on all of
// a sealed one.
func (j *journal) examineSegment(base uint64, sealed bool) (int64, error) {
	path := j.path(base)
	file, err := os.Open(path)
	if err != nil {
		return 0, during("open", path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, during("measure", path, err)
	}
	at, end := int64(0), info.Size()
	for at < end {
		size, found, err := checkFrame(file, at, end, j.maxPayload, nil)
		if err != nil {
			return 0, during("read", path, err)
		}
		if found == sound {
			at += headerBytes + size
			continue
		}
		if sealed {
			return 0, refuse("corrupt", "%s: %s at byte %d of a sealed segment, which holds "+
				"acknowledged records; nothing was changed: restore the file from a copy", path, found, at)
		}
		if found == lengthAboveMaximum {
			// a record that is only too long for this open is a good one, and is not cut
			size, whole, err := checkFrame(file, at, end, anyPayload, nil)
			if err != nil {
				return 0, during("read", path, err)
			}
			if whole == sound {
				return 0, refuse("invalid", "%s: the record at byte %d has %d bytes: "+
					"open the journal with a larger max_payload", path, at, size)
			}
		}
		j.discarded, j.reason = end-at, found
		break
	}
	return at, nil
}

// makeDurable cuts the last segment, writes what is kept over itself, and syncs
// (REC-2, REC-8).
//
// After an earlier process's failed sync the kernel may hold pages that are
// clean and not on disk.  Writing them again makes the sync mean something, and
// cutting again does the same for a size that only the kernel knows.
func (j *journal) makeDurable(last *segment) error {
	path := j.path(last.base)
	act := func() error {
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := file.Truncate(last.size); err != nil {
			return err
		}
		block := make([]byte, min(last.size, blockBytes))
		for at := int64(0); at < last.size; at += int64(len(block)) {
			block = block[:min(last.size-at, blockBytes)]
			if _, err := file.ReadAt(block, at); err != nil {
				return err
			}
			if _, err := file.WriteAt(block, at); err != nil {
				return err
			}
		}
		return file.Sync()
	}
	return during("make durable what is kept of", path, act())
}

// Writing

func (j *journal) requireSound() error {
	if j.poisoned {
		return refuse("poisoned", "%s: an earlier sync or rollback failed, so what is durable is "+
			"unknown; open the journal again to recover it", j.directory)
	}
	return nil
}

// poisonIf remembers a failed sync: a second one would lie (JRN-7).
func (j *journal) poisonIf(err error) error {
	j.poisoned = j.poisoned || err != nil
	return err
}

// append appends, and returns when the records are durable if asked to.
func (j *journal) append(payloads [][]byte, durable bool) ([]uint64, error) {
	// validate
	if err := j.requireSound(); err != nil {
		return nil, err
	}
	for _, payload := range payloads {
		if uint64(len(payload)) > uint64(j.maxPayload) {
			return nil, refuse("too_large", "payload of %d bytes is above the maximum of %d",
				len(payload), j.maxPayload)
		}
	}

	// write
	offsets := make([]uint64, 0, len(payloads))
	for _, payload := range payloads {
		frame := encode(payload)
		if j.mustRotate(int64(len(frame))) {
			if err := j.startSegment(); err != nil {
				return nil, err
			}
		}
		offsets = append(offsets, j.end())
		if err := j.write(frame); err != nil {
			return nil, err
		}
	}

	// barrier
	if durable {
		return offsets, j.sync()
	}
	return offsets, nil
}

// mustRotate: a segment that was cut, or that somebody else made, takes nothing;
// an empty one takes a record of any size (SEG-6).
func (j *journal) mustRotate(size int64) bool {
	if j.active == nil || j.finished {
		return true
	}
	held := j.last().size
	return held > 0 && held+size > j.segmentBytes
}

// write writes a frame wholly or not at all: a fragment is cut off, or the
// journal poisoned (JRN-8).
func (j *journal) write(frame []byte) error {
	j.dirty = true
	if _, err := j.active.WriteAt(frame, j.last().size); err != nil {
		j.finished = true
		j.poisonIf(j.active.Truncate(j.last().size))
		return during("append to", j.directory, err)
	}
	j.last().size += int64(len(frame))
	return nil
}

// sync makes every record appended so far durable.
func (j *journal) sync() error {
	if err := j.requireSound(); err != nil || !j.dirty {
		return err
	}
	if err := j.poisonIf(j.active.Sync()); err != nil {
		return during("sync the active segment of", j.directory, err)
	}
	j.dirty = false
	return nil
}

// startSegment seals the active segment and makes the next, durable in name
// (SEG-4).
//
// The file gets its name by a rename, so that an empty one of the same name is
// replaced by a file to which nobody ever wrote.
func (j *journal) startSegment() error {
	// seal
	if err := j.sync(); err != nil {
		return err
	}
	if j.active != nil {
		j.active.Close()
		j.active = nil
	}

	// make
	base := j.end()
	path := j.path(base)
	temporary := path + ".tmp"
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return during("create", temporary, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		file.Close()
		os.Remove(temporary) // otherwise recovery removes it
		return during("rename", temporary, err)
	}
	if len(j.segments) == 0 || j.last().base != base {
		j.segments = append(j.segments, segment{base: base})
	}
	j.active, j.finished = file, false

	// barrier
	return during("sync", j.directory, j.poisonIf(syncDirectory(j.directory)))
}

// rotate starts a new segment, unless the active one is empty.
func (j *journal) rotate() error {
	if err := j.requireSound(); err != nil {
		return err
	}
	if j.active != nil && j.last().size == 0 {
		return nil
	}
	return j.startSegment()
}

// cleanup removes the sealed segments that lie wholly below a cursor, the oldest
// first, each removal durable before the next (SEG-7).
func (j *journal) cleanup(cursor uint64) error {
	if err := j.requireSound(); err != nil {
		return err
	}
	for len(j.segments) > 1 && j.segments[0].end() <= cursor {
		path := j.path(j.segments[0].base)
		err := os.Remove(path)
		if err == nil {
			err = syncDirectory(j.directory)
		}
		if j.poisonIf(err) != nil {
			return during("remove", path, err)
		}
		j.segments = slices.Delete(j.segments, 0, 1)
	}
	return nil
}

// close makes everything durable, or says that it may not be (JRN-11); the
// journal is gone either way.
func (j *journal) close() error {
	defer j.letGo()
	return j.sync()
}

func (j *journal) letGo() {
	if j.active != nil {
		j.active.Close()
	}
	j.lock.Close()
}

// Reading

// scan visits the records from the one at an offset, while visit says so.
func (j *journal) scan(offset uint64, visit func(offset uint64, payload []byte) bool) error {
	if offset >= j.end() {
		return refuse("beyond_end", "offset %d is at or beyond the end of the journal, %d", offset, j.end())
	}
	if offset < j.first() {
		return refuse("trimmed", "offset %d was removed by cleanup: the first one kept is %d", offset, j.first())
	}
	holder := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].base > offset }) - 1
	for _, held := range j.segments[holder:] {
		if more, err := j.scanSegment(held, offset, visit); err != nil || !more {
			return err
		}
	}
	return nil
}

// scanSegment walks from a segment's first record: only a walk from a boundary
// can tell where another one is (SEG-8).
func (j *journal) scanSegment(held segment, offset uint64, visit func(uint64, []byte) bool) (bool, error) {
	path := j.path(held.base)
	file, err := os.Open(path)
	if err != nil {
		return false, during("open", path, err)
	}
	defer file.Close()
	start := int64(max(offset, held.base) - held.base)
	for at := int64(0); at < held.size; {
		var kept *bytes.Buffer
		if at >= start {
			kept = new(bytes.Buffer)
		}
		size, found, err := checkFrame(file, at, held.size, j.maxPayload, kept)
		if err != nil {
			return false, during("read", path, err)
		}
		if found != sound {
			return false, refuse("corrupt", "%s: %s at byte %d", path, found, at)
		}
		next := at + headerBytes + size
		record := held.base + uint64(at)
		if at < start && start < next {
			return false, refuse("not_a_boundary", "offset %d lies inside the record at %d", offset, record)
		}
		if at >= start && !visit(record, kept.Bytes()) {
			return false, nil
		}
		at = next
	}
	return true, nil
}
