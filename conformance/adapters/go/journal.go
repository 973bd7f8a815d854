package main

import (
	"errors"
	"fmt"
	"io"
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

// ourName matches the name of a segment, or of one that is being made (SEG-1).
var ourName = regexp.MustCompile(`^([0-9a-f]{16})\.wal(\.tmp)?$`)

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
	durable  uint64    // the offset up to which everything is synced
	poisoned bool      // a sync failed: only opening again tells what is durable (JRN-7)
	boundary uint64    // where the record begins that follows the one read last

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
	j.durable = j.end()
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
		name := ourName.FindStringSubmatch(entry.Name())
		if name != nil && name[2] == "" {
			base, _ := strconv.ParseUint(name[1], 16, 64)
			bases = append(bases, base)
		} else if name != nil {
			unfinished = append(unfinished, filepath.Join(j.directory, name[0]))
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
	payload, found := []byte(nil), sound
	for at < end {
		payload, found, err = readFrame(file, at, end, j.maxPayload)
		if found != sound || err != nil {
			break
		}
		at += headerBytes + int64(len(payload))
	}
	whole := found
	if found == lengthAboveMaximum {
		payload, whole, err = readFrame(file, at, end, anyPayload)
	}
	switch {
	case err != nil:
		return 0, during("read", path, err)
	case found == sound:
		return at, nil
	case sealed:
		return 0, refuse("corrupt", "%s: %s at byte %d of a sealed segment, which holds "+
			"acknowledged records; nothing was changed: restore the file from a copy", path, found, at)
	case whole == sound: // only too long for this open, so a good one and not to be cut
		return 0, refuse("invalid", "%s: the record at byte %d has %d bytes: "+
			"open the journal with a larger max_payload", path, at, len(payload))
	}
	j.discarded, j.reason = end-at, found
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
		kept := io.NewSectionReader(file, 0, last.size)
		if _, err := io.CopyN(io.NewOffsetWriter(file, 0), kept, last.size); err != nil {
			return err
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

// append appends, and returns when the record is durable if asked to.
func (j *journal) append(payload []byte, durable bool) (offset uint64, err error) {
	// validate
	if err := j.requireSound(); err != nil {
		return 0, err
	}
	if uint64(len(payload)) > uint64(j.maxPayload) {
		return 0, refuse("too_large", "payload of %d bytes is above the maximum of %d",
			len(payload), j.maxPayload)
	}

	// make room
	frame := encode(payload)
	if j.active == nil || j.isFull(int64(len(frame))) {
		if err := j.startSegment(); err != nil {
			return 0, err
		}
	}

	// write
	offset = j.end()
	if _, err := j.active.WriteAt(frame, j.last().size); err != nil {
		j.rollBack()
		return 0, during("append to", j.directory, err)
	}
	j.last().size += int64(len(frame))

	// barrier
	if durable {
		return offset, j.sync()
	}
	return offset, nil
}

// isFull: an empty segment takes a record of any size (SEG-6).
func (j *journal) isFull(size int64) bool {
	held := j.last().size
	return held > 0 && held+size > j.segmentBytes
}

// rollBack cuts off a fragment and seals what is left, or poisons the journal
// (JRN-8): where a file has been cut, old bytes may come back, so nothing more is
// written there.
func (j *journal) rollBack() {
	j.poisonIf(errors.Join(j.active.Truncate(j.last().size), j.active.Sync()))
	j.durable = j.end()
	j.leaveSegment()
}

func (j *journal) leaveSegment() {
	if j.active != nil {
		j.active.Close()
		j.active = nil
	}
}

// sync makes every record appended so far durable.
func (j *journal) sync() error {
	if err := j.requireSound(); err != nil || j.durable == j.end() {
		return err
	}
	if err := j.poisonIf(j.active.Sync()); err != nil {
		return during("sync the active segment of", j.directory, err)
	}
	j.durable = j.end()
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
	j.leaveSegment()

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
	j.active = file

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
		if err := j.poisonIf(errors.Join(os.Remove(path), syncDirectory(j.directory))); err != nil {
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
	j.leaveSegment()
	j.lock.Close()
}

// Reading

// read reads the record at an offset, and remembers the boundary behind it.
//
// It walks there from the last boundary before, or from the segment's first record:
// only a walk from a boundary can tell where another one is (SEG-8).
func (j *journal) read(offset uint64) ([]byte, error) {
	if offset >= j.end() {
		return nil, refuse("beyond_end", "offset %d is at or beyond the end of the journal, %d", offset, j.end())
	}
	if offset < j.first() {
		return nil, refuse("trimmed", "offset %d was removed by cleanup: the first one kept is %d", offset, j.first())
	}
	holder := sort.Search(len(j.segments), func(i int) bool { return j.segments[i].base > offset }) - 1
	held := j.segments[holder]
	path := j.path(held.base)
	file, err := os.Open(path)
	if err != nil {
		return nil, during("open", path, err)
	}
	defer file.Close()
	at := held.base
	if at <= j.boundary && j.boundary <= offset {
		at = j.boundary
	}
	for {
		payload, found, err := readFrame(file, int64(at-held.base), held.size, j.maxPayload)
		if err != nil {
			return nil, during("read", path, err)
		}
		if found != sound {
			return nil, refuse("corrupt", "%s: %s at byte %d", path, found, at-held.base)
		}
		next := at + headerBytes + uint64(len(payload))
		if at == offset {
			j.boundary = next
			return payload, nil
		}
		if next > offset {
			return nil, refuse("not_a_boundary", "offset %d lies inside the record at %d", offset, at)
		}
		at = next
	}
}
