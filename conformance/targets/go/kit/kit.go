// Package kit puts a log that nobody here wrote behind the adapter protocol.
//
// An adapter says how to open the log, and how an entry is written and read where the
// library has other words for it; requests and replies, one writer at a time and the
// words for errors are here.
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

// A Log is a foreign log that is open.  Its entries have consecutive indexes from 1 on;
// an index of 0 says that there are none.
type Log interface {
	FirstIndex() (uint64, error)
	LastIndex() (uint64, error)
	Read(index uint64) ([]byte, error)
	// Write appends an entry, whose index is the next, as durably as the log can.
	Write(index uint64, payload []byte) error
	Close() error
}

type request struct {
	ID   json.RawMessage `json:"id"`
	Op   string
	Args struct {
		Dir     string
		Payload []byte
	}
}

type object map[string]any

var errClosed = errors.New("the journal is not open")

type adapter struct {
	open func(directory string) (Log, error)
	log  Log
	lock *os.File
}

// Serve serves a log as an adapter, until it is told to end.
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
				"claims":       []string{"journal/core"},
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

// answer carries an operation out.  A library's panic is an error like any other,
// and after an error nobody knows what has been done.
func (a *adapter) answer(reply object, code string, operation func() (object, error)) {
	defer func() {
		if panicked := recover(); panicked != nil {
			reply["error"] = object{"code": code, "definite": false, "message": fmt.Sprint(panicked)}
		}
	}()
	found, err := operation()
	switch err {
	case nil:
		reply["ok"] = found
	case syscall.EWOULDBLOCK:
		reply["error"] = object{"code": "locked", "definite": true, "message": "another process has it"}
	case errClosed:
		reply["error"] = object{"code": "closed", "definite": true, "message": err.Error()}
	default:
		reply["error"] = object{"code": code, "definite": false, "message": err.Error()}
	}
}

func (a *adapter) begin(directory string) (_ object, err error) {
	lock, err := os.OpenFile(filepath.Join(directory, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, err
	}
	defer func() {
		if a.log == nil {
			lock.Close()
		}
	}()
	place := filepath.Join(directory, "log")
	if err := makePlace(directory, place); err != nil {
		return nil, err
	}
	log, err := a.open(place)
	if err != nil {
		return nil, err
	}
	// What cannot be read has not been recovered.
	if err := walk(log, func(uint64, []byte) {}); err != nil {
		log.Close()
		return nil, err
	}
	a.log, a.lock = log, lock
	return object{"discarded_bytes": 0}, nil
}

// makePlace makes the log's own directory, and its name durable, which is its
// user's duty.
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

func (a *adapter) append(payload []byte) (object, error) {
	if a.log == nil {
		return nil, errClosed
	}
	last, err := a.log.LastIndex()
	if err != nil {
		return nil, err
	}
	return object{"offset": last + 1}, a.log.Write(last+1, payload)
}

func (a *adapter) scan() (object, error) {
	if a.log == nil {
		return nil, errClosed
	}
	records := []object{}
	err := walk(a.log, func(index uint64, payload []byte) {
		records = append(records, object{"offset": index, "payload": append([]byte{}, payload...)})
	})
	return object{"records": records, "end": "clean"}, err
}

// walk reads everything back.
func walk(log Log, visit func(index uint64, payload []byte)) error {
	first, err := log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	for index := first; index != 0 && index <= last; index++ {
		payload, err := log.Read(index)
		if err != nil {
			return err
		}
		visit(index, payload)
	}
	return nil
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
