// Package kit puts a log that nobody here wrote behind the adapter protocol.
//
// An adapter says how to open the log, append, read everything back and close; requests and
// replies, one writer at a time and the words for errors are here.
package kit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
)

// A Log is a foreign log that is open.
type Log interface {
	// Append appends a record, as durably as the log can.
	Append(payload []byte) error
	// Scan reads everything back, from the oldest on.
	Scan(visit func(payload []byte)) error
	Close() error
}

// ReturnsEverything says that the library returns all records at once, at opening too (REC-9).
var ReturnsEverything bool

// Fatal says that the documentation tells an application to end after an append that failed.
var Fatal bool

type request struct {
	ID   json.RawMessage
	Op   string
	Args struct {
		Dir     string
		Payload []byte
	}
}

type object map[string]any

var (
	errClosed   = errors.New("the journal is not open")
	errPoisoned = errors.New("an append failed, after which an application ends")
)

type adapter struct {
	open func(directory string) (Log, error)
	log  Log
	lock *os.File
	// count is the number of records, and so the offset of the newest; after a failed append it is in doubt.
	count uint64
	doubt bool
}

// Serve serves a log as an adapter, until it is told to end.  module names the library's Go module.
func Serve(name, module string, open func(directory string) (Log, error)) {
	runtime.LockOSThread() // so that the nth call means the same to whoever traces them
	served := adapter{open: open}
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		reply := object{"id": asked.ID}
		switch asked.Op {
		case "hello":
			reply["ok"] = object{
				"protocol":       1,
				"implementation": object{"name": name, "version": versionOf(module), "language": "Go"},
				"claims":         []string{"journal/core"},
				"limits":         object{"open_returns_everything": ReturnsEverything},
			}
		case "journal.open":
			served.answer(reply, "corrupt", func() (object, error) { return served.begin(asked.Args.Dir) })
		case "journal.append":
			served.answer(reply, "io", func() (object, error) { return served.append(asked.Args.Payload) })
		case "journal.scan":
			served.answer(reply, "corrupt", served.scan)
		case "journal.close":
			served.answer(reply, "io", served.end)
		case "bye":
			reply["ok"] = object{}
		default:
			reply["unsupported"] = asked.Op
		}
		text, err := json.Marshal(reply)
		if err != nil {
			panic(err)
		}
		os.Stdout.Write(append(text, '\n'))
		if asked.Op == "bye" {
			return
		}
	}
}

// answer carries an operation out.  A library's panic is an error like any other, and after an error
// nobody knows what has been done.
func (a *adapter) answer(reply object, code string, operation func() (object, error)) {
	defer func() {
		if panicked := recover(); panicked != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", panicked, debug.Stack())
			reply["error"] = object{"code": code, "definite": false, "message": fmt.Sprint(panicked)}
		}
	}()
	found, err := operation()
	definite := true
	switch {
	case err == nil:
		reply["ok"] = found
		return
	case errors.Is(err, syscall.EWOULDBLOCK):
		code = "locked"
	case err == errClosed:
		code = "closed"
	case err == errPoisoned:
		code = "poisoned"
	case errors.Is(err, syscall.ENOSPC):
		code, definite = "no_space", false
	default:
		definite = false
	}
	reply["error"] = object{"code": code, "definite": definite, "message": err.Error()}
}

func (a *adapter) begin(directory string) (_ object, err error) {
	lock, err := os.OpenFile(filepath.Join(directory, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() {
		if a.log == nil {
			lock.Close()
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, err
	}
	place := filepath.Join(directory, "log")
	if err := makePlace(directory, place); err != nil {
		return nil, err
	}
	log, err := a.open(place)
	if err != nil {
		return nil, err
	}
	a.doubt = false
	if err := a.recount(log); err != nil { // what cannot be read has not been recovered
		log.Close()
		return nil, err
	}
	a.log, a.lock = log, lock
	return object{"discarded_bytes": 0}, nil
}

// makePlace makes the log's own directory, and its name durable, which is its user's duty.
func makePlace(directory, place string) error {
	if err := os.MkdirAll(place, 0o755); err != nil {
		return err
	}
	parent, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.Sync()
}

func (a *adapter) recount(log Log) error {
	a.count = 0
	return log.Scan(func([]byte) { a.count++ })
}

func (a *adapter) append(payload []byte) (object, error) {
	if a.log == nil {
		return nil, errClosed
	}
	if Fatal && a.doubt {
		return nil, errPoisoned
	}
	if err := a.log.Append(payload); err != nil {
		a.doubt = true
		return nil, err
	}
	a.count++
	if a.doubt { // a record whose append failed may stand before this one
		a.doubt = false
		if err := a.recount(a.log); err != nil {
			return nil, err
		}
	}
	return object{"offset": a.count}, nil
}

func (a *adapter) scan() (object, error) {
	if a.log == nil {
		return nil, errClosed
	}
	if Fatal && a.doubt {
		return nil, errPoisoned
	}
	records := []object{}
	err := a.log.Scan(func(payload []byte) {
		records = append(records, object{"offset": len(records) + 1, "payload": append([]byte{}, payload...)})
	})
	return object{"records": records, "end": "clean"}, err
}

func (a *adapter) end() (object, error) {
	if a.log == nil {
		return object{}, nil
	}
	err := a.log.Close()
	a.lock.Close()
	a.log, a.lock = nil, nil
	return object{}, err
}

func versionOf(module string) string {
	if built, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range built.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "unknown"
}
