package main

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"tornproof/adapter/journal"
)

// The drainer moves admitted events from the spool to the chain, in their order (the chapter "Drainer").

const (
	maxRaces     = 5 // retries of one event (DRN-4)
	firstDelay   = 10 * time.Millisecond
	longestDelay = time.Second
	spoolSegment = 8 << 20
	named        = 100 // events that an unfinished drain names
)

type counters struct{ submitted, refused, chained, deadLettered, raceRetries int }

type drainer struct {
	path        string
	maxRestarts int
	plan        *plan
	spoolID     string

	admission sync.Mutex // the spool and the counters, never held while the database works (DRN-2)
	spool     *journal.Journal
	closed    bool
	counts    counters

	moving   sync.Mutex // what follows: one drainer
	sink     *sink
	position uint64 // everything below has landed
	races    int    // lost by the event at the position
	reason   string // why it is to be dead-lettered; then it is not appended after all
	failures int    // in a row
	panics   int    // in a row
	failed   string // why the drainer gave up (DRN-8)
	stop     chan struct{}
}

func open(directory string, maxRestarts int, paused bool, plan *plan) (_ *drainer, err error) {
	d := &drainer{path: filepath.Join(directory, "chain.db"), maxRestarts: maxRestarts, plan: plan}
	database, err := d.prepare()
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", d.path, err)
	}
	place := filepath.Join(directory, "spool")
	if err := requireOwn(place); err != nil {
		return nil, err
	}
	if err := refuseForeign(place, database); err != nil {
		return nil, err
	}
	if d.spool, err = journal.Open(place, spoolSegment, journal.MaxPayload); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.spool.Close()
		}
	}()
	if d.spoolID, err = identify(place, database); err != nil {
		return nil, err
	}
	if err := d.bind(); err != nil {
		return nil, err
	}
	for at := d.position; at < d.spool.End(); d.counts.submitted++ { // what an earlier process left
		_, next, err := d.event(at)
		if err != nil {
			return nil, err
		}
		at = next
	}
	if !paused {
		d.stop = make(chan struct{})
		go d.run()
	}
	return d, nil
}

// prepare makes the tables, and returns the id of the database.
func (d *drainer) prepare() (id string, err error) {
	s, err := openSink(d.path, "", &plan{})
	if err != nil {
		return "", err
	}
	defer s.close()
	err = s.transaction(func() error {
		if _, err := s.on.ExecContext(ctx, schema); err != nil {
			return err
		}
		_, err := s.on.ExecContext(ctx, "INSERT OR IGNORE INTO signed_events_database VALUES (1, ?)", mint())
		return err
	})
	if err == nil {
		err = s.on.QueryRowContext(ctx, "SELECT id FROM signed_events_database").Scan(&id)
	}
	return id, err
}

type identity struct {
	Spool    string `json:"spool"`
	Database string `json:"database"`
}

// requireOwn refuses a spool that another user can change (DRN-21).
func requireOwn(place string) error {
	entries, err := os.ReadDir(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	paths := []string{place}
	for _, each := range entries {
		paths = append(paths, filepath.Join(place, each.Name()))
	}
	for _, path := range paths {
		found, err := os.Lstat(path)
		if err != nil {
			return err
		}
		status := found.Sys().(*syscall.Stat_t)
		switch {
		case found.Mode()&fs.ModeSymlink != 0:
			return journal.Refuse("corrupt", "%s is a symbolic link: a spool has none", path)
		case found.Mode().IsRegular() && status.Nlink > 1:
			return journal.Refuse("corrupt", "%s has %d names: copy it instead of linking it", path, status.Nlink)
		case int(status.Uid) != os.Geteuid():
			return journal.Refuse("corrupt", "%s belongs to user %d", path, status.Uid)
		case found.Mode().Perm()&0o002 != 0:
			return journal.Refuse("corrupt", "%s may be written by everybody: chmod o-w", path)
		}
	}
	return nil
}

// refuseForeign refuses another database's spool before anything in it is touched.
func refuseForeign(place, database string) error {
	found, err := readIdentity(place)
	segments, _ := filepath.Glob(filepath.Join(place, "*.wal"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(segments) == 0:
		return nil
	case err != nil:
		return journal.Refuse("corrupt", "%s holds a journal that is no spool: %v", place, err)
	case found.Database != database:
		return journal.Refuse("corrupt", "%s is the spool of another database: open it with its own", place)
	}
	return nil
}

func readIdentity(place string) (found identity, err error) {
	text, err := os.ReadFile(filepath.Join(place, "spool.json"))
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	return found, err
}

// identify returns the spool's id; a new one is written under another name and then renamed.
func identify(place, database string) (string, error) {
	if found, err := readIdentity(place); err == nil {
		return found.Spool, nil
	}
	made := identity{mint(), database}
	text, _ := json.Marshal(made)
	temporary := filepath.Join(place, "spool.json.tmp")
	os.Remove(temporary)
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err = file.Write(text); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(temporary, filepath.Join(place, "spool.json"))
	}
	if err == nil {
		err = journal.SyncDirectory(place)
	}
	return made.Spool, err
}

// bind finds the position that the database has for this spool.
func (d *drainer) bind() error {
	s, err := openSink(d.path, "", &plan{})
	if err != nil {
		return err
	}
	defer s.close()
	var position int64
	err = s.on.QueryRowContext(ctx, "SELECT position FROM signed_events_spools WHERE spool_id = ?", d.spoolID).Scan(&position)
	if errors.Is(err, sql.ErrNoRows) && d.spool.First() == 0 {
		err = s.transaction(func() error {
			_, err := s.on.ExecContext(ctx, "INSERT INTO signed_events_spools VALUES (?, 0)", d.spoolID)
			return err
		})
	} else if errors.Is(err, sql.ErrNoRows) {
		err = journal.Refuse("corrupt", "the spool was drained into a later state of this database: restore the newer one")
	}
	d.position = uint64(position)
	if err == nil && (d.position < d.spool.First() || d.position > d.spool.End()) {
		err = journal.Refuse("corrupt", "the database has drained the spool up to %d, and it holds %d to %d: restore the newer one",
			d.position, d.spool.First(), d.spool.End())
	}
	return err
}

// submit admits an event by appending it to the spool (DRN-3).
func (d *drainer) submit(make func() (event, error)) (event, error) {
	d.admission.Lock()
	defer d.admission.Unlock()
	d.counts.submitted++
	e, err := make()
	if d.closed && err == nil {
		err = journal.Refuse("closed", "the queue has been closed")
	}
	if err == nil {
		_, err = d.spool.Append(e.payload, true)
	}
	if err != nil {
		d.counts.refused++
	}
	return e, err
}

func (d *drainer) end() uint64 {
	d.admission.Lock()
	defer d.admission.Unlock()
	return d.spool.End()
}

func (d *drainer) event(at uint64) (event, uint64, error) {
	d.admission.Lock()
	payload, next, err := d.spool.Read(at)
	d.admission.Unlock()
	if err != nil {
		return event{}, 0, err
	}
	e, err := decode(payload)
	if err != nil {
		err = journal.Refuse("corrupt", "the record at offset %d of the spool is no event: %v", at, err)
	}
	return e, next, err
}

// step makes one attempt, and says how long to wait before the next.
func (d *drainer) step() (wait time.Duration) {
	d.moving.Lock()
	defer d.moving.Unlock()
	if d.failed != "" || d.position >= d.end() {
		return firstDelay
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			d.restart(fmt.Sprint(panicked))
		}
	}()
	e, next, err := d.event(d.position)
	if err != nil {
		d.giveUp(err.Error())
		return 0
	}
	if d.sink == nil {
		if d.sink, err = openSink(d.path, d.spoolID, d.plan); err != nil {
			d.sink = nil
			return d.backOff()
		}
	}
	chained, err := d.sink.land(e, next, d.reason)
	if err == nil {
		d.landed(next, chained)
		return 0
	}
	return d.decide(classify(err), err)
}

func (d *drainer) landed(next uint64, chained bool) {
	d.position, d.races, d.reason, d.failures, d.panics = next, 0, "", 0, 0
	d.admission.Lock()
	defer d.admission.Unlock()
	if chained {
		d.counts.chained++
	} else {
		d.counts.deadLettered++
	}
	d.spool.Cleanup(next) // if it fails it is done behind the next event
}

// decide says what a failure means for the event in flight.
func (d *drainer) decide(why failure, err error) time.Duration {
	switch {
	case why == unknown:
		panic(err)
	case why == transient || d.reason != "": // what the dead letters refuse stays, and blocks (DRN-10)
		return d.backOff()
	case why == race && d.races < maxRaces:
		d.races++
		d.admission.Lock()
		d.counts.raceRetries++
		d.admission.Unlock()
	default:
		d.reason = err.Error()
	}
	return 0
}

func (d *drainer) backOff() time.Duration {
	d.failures++
	return min(longestDelay, firstDelay<<min(d.failures-1, 7))
}

// restart throws the sink away; the event in flight is tried again first (DRN-8).
func (d *drainer) restart(why string) {
	if d.sink != nil {
		d.sink.close()
		d.sink = nil
	}
	if d.panics++; d.panics > d.maxRestarts {
		d.giveUp(why)
	}
}

func (d *drainer) giveUp(why string) {
	d.failed = why
	d.admission.Lock()
	defer d.admission.Unlock()
	d.closed = true // it refuses submits
}

func (d *drainer) run() {
	for {
		wait := d.step()
		select {
		case <-d.stop:
			return
		case <-time.After(wait):
		}
	}
}

// drain waits until everything admitted before has landed, and names what is left (DRN-12).
func (d *drainer) drain(timeout time.Duration) (pending []string, err error) {
	target, until := d.end(), time.Now().Add(timeout)
	for {
		d.moving.Lock()
		at, failed := d.position, d.failed
		d.moving.Unlock()
		if at >= target {
			return []string{}, nil
		}
		if left := time.Until(until); failed == "" && left > 0 {
			time.Sleep(min(d.step(), left))
			continue
		}
		for at < target && len(pending) < named {
			e, next, err := d.event(at)
			if err != nil {
				return nil, err
			}
			pending, at = append(pending, e.id), next
		}
		return pending, nil
	}
}

// close admits nothing more, lands what it can and stops; it waits for no producer (DRN-11).
func (d *drainer) close(timeout time.Duration) ([]string, error) {
	d.admission.Lock()
	d.closed = true
	d.admission.Unlock()
	pending, err := d.drain(timeout)
	if d.stop != nil {
		close(d.stop)
	}
	d.moving.Lock()
	defer d.moving.Unlock()
	if d.sink != nil {
		d.sink.close()
		d.sink = nil
	}
	d.failed = "the queue has been closed"
	d.admission.Lock()
	defer d.admission.Unlock()
	d.spool.Close() // what it complains of was never acknowledged
	return pending, err
}

// mint makes a version 4 UUID (EVT-6).
func mint() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
