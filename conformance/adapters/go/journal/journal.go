// Package journal is a journal of segments in a directory, written from the specification: the
// chapters "Frame", "Journal", "Recovery" and "Segments", which the comments cite.
package journal

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

const SegmentBytes = 64 << 20 // size at which a segment is sealed, unless configured

// ourName matches the name of a segment, or of one that is being made (SEG-1).
var ourName = regexp.MustCompile(`^([0-9a-f]{16})\.wal(\.tmp)?$`)

// A Failure says why something failed, and whether it certainly had no effect
// (JRN-6).
type Failure struct {
	Code     string
	Definite bool
	Message  string
}

func (f *Failure) Error() string { return f.Message }

// Refuse fails before anything was done.
func Refuse(code, format string, values ...any) error {
	return &Failure{code, true, fmt.Sprintf(format, values...)}
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
	return &Failure{code, false, fmt.Sprintf("cannot %s %s: %v", action, path, err)}
}

// A Segment is the half-open range of offsets from base on that one file holds.
type Segment struct {
	Base uint64
	Size int64
}

func (s Segment) End() uint64 { return s.Base + uint64(s.Size) }

// A Journal is one that is open for writing.
type Journal struct {
	directory    string
	lock         *os.File
	segmentBytes int64
	maxPayload   uint32

	Segments []Segment // ascending; all but the last are sealed
	active   *os.File  // the segment that this process made: no other is appended to
	durable  uint64    // the offset up to which everything is synced
	poisoned bool      // a sync failed: only opening again tells what is durable (JRN-7)
	boundary uint64    // where the record begins that follows the one read last

	Discarded int64 // bytes that recovery cut, and why (REC-7)
	Reason    damage
}

// Open locks, recovers and opens.
func Open(directory string, segmentBytes int64, maxPayload uint32) (_ *Journal, err error) {
	if err := os.Mkdir(directory, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, during("create", directory, err)
	}
	path := filepath.Join(directory, "writer.lock")
	lock, err := openOwn(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, during("open", path, err)
	}
	j := &Journal{directory: directory, lock: lock, segmentBytes: segmentBytes, maxPayload: maxPayload}
	defer func() {
		if err != nil {
			j.letGo()
		}
	}()
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, Refuse("locked", "%s is open for writing elsewhere: close that writer first", directory)
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
	j.durable = j.End()
	if len(j.Segments) == 0 {
		// a directory that may be new must not vanish with what is acknowledged in it
		parent := filepath.Dir(directory)
		return j, during("sync", parent, SyncDirectory(parent))
	}
	return j, j.makeDurable(j.last())
}

func (j *Journal) path(base uint64) string {
	return filepath.Join(j.directory, fmt.Sprintf("%016x.wal", base))
}

func (j *Journal) last() *Segment { return &j.Segments[len(j.Segments)-1] }

func (j *Journal) First() uint64 {
	if len(j.Segments) == 0 {
		return 0
	}
	return j.Segments[0].Base
}

func (j *Journal) End() uint64 {
	if len(j.Segments) == 0 {
		return 0
	}
	return j.last().End()
}

// SyncDirectory makes names durable: the sync of a file does not cover its name.
func SyncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// openOwn opens a file of ours: no link, pipe or device, and for writing none of
// two names (REC-13).
func openOwn(path string, flags int) (*os.File, error) {
	file, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	var found syscall.Stat_t
	err = syscall.Fstat(int(file.Fd()), &found)
	switch {
	case err != nil:
	case found.Mode&syscall.S_IFMT != syscall.S_IFREG:
		err = syscall.EINVAL
	case flags&os.O_RDWR != 0 && found.Nlink > 1:
		err = syscall.EMLINK
	default:
		return file, nil
	}
	file.Close()
	return nil, &fs.PathError{Op: "open", Path: path, Err: err}
}

// Recovery

// examine decides what is kept, the longest valid prefix of segments without a
// gap (REC-1, REC-6), and returns our own unfinished files (REC-10).
func (j *Journal) examine() (unfinished []string, err error) {
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
		if index > 0 && j.End() != base {
			return nil, Refuse("corrupt", "%s: a segment ends at %d and the next begins at %d; "+
				"nothing was changed: restore the files from a copy", j.directory, j.End(), base)
		}
		size, err := j.examineSegment(base, index+1 < len(bases))
		if err != nil {
			return nil, err
		}
		j.Segments = append(j.Segments, Segment{base, size})
	}
	return unfinished, nil
}

// examineSegment measures the valid prefix of a segment, and insists on all of
// a sealed one.
func (j *Journal) examineSegment(base uint64, sealed bool) (int64, error) {
	path := j.path(base)
	file, err := openOwn(path, os.O_RDONLY)
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
		return 0, Refuse("corrupt", "%s: %s at byte %d of a sealed segment, which holds "+
			"acknowledged records; nothing was changed: restore the file from a copy", path, found, at)
	case whole == sound: // only too long for this open, so a good one and not to be cut
		return 0, Refuse("invalid", "%s: the record at byte %d has %d bytes: "+
			"open the journal with a larger max_payload", path, at, len(payload))
	}
	j.Discarded, j.Reason = end-at, found
	return at, nil
}

// makeDurable cuts the last segment, writes what is kept over itself, and syncs
// (REC-2, REC-8).
//
// After an earlier process's failed sync the kernel may hold pages that are
// clean and not on disk.  Writing them again makes the sync mean something, and
// cutting again does the same for a size that only the kernel knows.
func (j *Journal) makeDurable(last *Segment) error {
	path := j.path(last.Base)
	act := func() error {
		file, err := openOwn(path, os.O_RDWR)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := file.Truncate(last.Size); err != nil {
			return err
		}
		kept := io.NewSectionReader(file, 0, last.Size)
		if _, err := io.CopyN(io.NewOffsetWriter(file, 0), kept, last.Size); err != nil {
			return err
		}
		return file.Sync()
	}
	return during("make durable what is kept of", path, act())
}

// Writing

func (j *Journal) requireSound() error {
	if j.poisoned {
		return Refuse("poisoned", "%s: an earlier sync or rollback failed, so what is durable is "+
			"unknown; open the journal again to recover it", j.directory)
	}
	return nil
}

// poisonIf remembers a failed sync: a second one would lie (JRN-7).
func (j *Journal) poisonIf(err error) error {
	j.poisoned = j.poisoned || err != nil
	return err
}

// Append appends, and returns when the record is durable if asked to.
func (j *Journal) Append(payload []byte, durable bool) (offset uint64, err error) {
	// validate
	if err := j.requireSound(); err != nil {
		return 0, err
	}
	if uint64(len(payload)) > uint64(j.maxPayload) {
		return 0, Refuse("too_large", "payload of %d bytes is above the maximum of %d",
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
	offset = j.End()
	if _, err := j.active.WriteAt(frame, j.last().Size); err != nil {
		j.rollBack()
		return 0, during("append to", j.directory, err)
	}
	j.last().Size += int64(len(frame))

	// barrier
	if durable {
		return offset, j.Sync()
	}
	return offset, nil
}

// isFull: an empty segment takes a record of any size (SEG-6).
func (j *Journal) isFull(size int64) bool {
	held := j.last().Size
	return held > 0 && held+size > j.segmentBytes
}

// rollBack cuts off a fragment and seals what is left, or poisons the journal
// (JRN-8): where a file has been cut, old bytes may come back, so nothing more is
// written there.
func (j *Journal) rollBack() {
	j.poisonIf(errors.Join(j.active.Truncate(j.last().Size), j.active.Sync()))
	j.durable = j.End()
	j.leaveSegment()
}

func (j *Journal) leaveSegment() {
	if j.active != nil {
		j.active.Close()
		j.active = nil
	}
}

// Sync makes every record appended so far durable.
func (j *Journal) Sync() error {
	if err := j.requireSound(); err != nil || j.durable == j.End() {
		return err
	}
	if err := j.poisonIf(j.active.Sync()); err != nil {
		return during("sync the active segment of", j.directory, err)
	}
	j.durable = j.End()
	return nil
}

// startSegment seals the active segment and makes the next, durable in name
// (SEG-4).
//
// The file gets its name by a rename, so that an empty one of the same name is
// replaced by a file to which nobody ever wrote.
func (j *Journal) startSegment() error {
	// seal
	if err := j.Sync(); err != nil {
		return err
	}
	j.leaveSegment()

	// make
	base := j.End()
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
	if len(j.Segments) == 0 || j.last().Base != base {
		j.Segments = append(j.Segments, Segment{Base: base})
	}
	j.active = file

	// barrier
	return during("sync", j.directory, j.poisonIf(SyncDirectory(j.directory)))
}

// Rotate starts a new segment, unless the active one is empty.
func (j *Journal) Rotate() error {
	if err := j.requireSound(); err != nil {
		return err
	}
	if j.active != nil && j.last().Size == 0 {
		return nil
	}
	return j.startSegment()
}

// Cleanup removes the sealed segments that lie wholly below a cursor, the oldest
// first, each removal durable before the next (SEG-7).
func (j *Journal) Cleanup(cursor uint64) error {
	if err := j.requireSound(); err != nil {
		return err
	}
	for len(j.Segments) > 1 && j.Segments[0].End() <= cursor {
		path := j.path(j.Segments[0].Base)
		if err := j.poisonIf(errors.Join(os.Remove(path), SyncDirectory(j.directory))); err != nil {
			return during("remove", path, err)
		}
		j.Segments = slices.Delete(j.Segments, 0, 1)
	}
	return nil
}

// Close makes everything durable, or says that it may not be (JRN-11); the
// journal is gone either way.
func (j *Journal) Close() error {
	defer j.letGo()
	return j.Sync()
}

func (j *Journal) letGo() {
	j.leaveSegment()
	j.lock.Close()
}

// Reading

// Read reads the record at an offset, and returns the offset of the next.
//
// It walks there from the last boundary before, or from the segment's first record:
// only a walk from a boundary can tell where another one is (SEG-8).
func (j *Journal) Read(offset uint64) (_ []byte, next uint64, err error) {
	if offset >= j.End() {
		return nil, 0, Refuse("beyond_end", "offset %d is at or beyond the end of the journal, %d", offset, j.End())
	}
	if offset < j.First() {
		return nil, 0, Refuse("trimmed", "offset %d was removed by cleanup: the first one kept is %d", offset, j.First())
	}
	holder := sort.Search(len(j.Segments), func(i int) bool { return j.Segments[i].Base > offset }) - 1
	held := j.Segments[holder]
	path := j.path(held.Base)
	file, err := openOwn(path, os.O_RDONLY)
	if err != nil {
		return nil, 0, during("open", path, err)
	}
	defer file.Close()
	at := held.Base
	if at <= j.boundary && j.boundary <= offset {
		at = j.boundary
	}
	for {
		payload, found, err := readFrame(file, int64(at-held.Base), held.Size, j.maxPayload)
		if err != nil {
			return nil, 0, during("read", path, err)
		}
		if found != sound {
			return nil, 0, Refuse("corrupt", "%s: %s at byte %d", path, found, at-held.Base)
		}
		next = at + headerBytes + uint64(len(payload))
		if at == offset {
			j.boundary = next
			return payload, next, nil
		}
		if next > offset {
			return nil, 0, Refuse("not_a_boundary", "offset %d lies inside the record at %d", offset, at)
		}
		at = next
	}
}
