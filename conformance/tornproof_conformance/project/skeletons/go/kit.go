// The adapter's half of the protocol: requests in, replies out, one JSON object a line.
//
// Leave this file as it is, and fill in adapter.go.  The kit keeps a second writer out with a lock
// on the directory, answers "closed" when nothing is open, and after an append that failed answers
// "poisoned" until the journal is opened again.  Print on standard error, never on standard output.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// errTodo is what an operation returns that is not there yet.
var errTodo = errors.New("not there yet")

// refused is an error that the protocol has a code for; definite if nothing was changed.
type refused struct {
	code     string
	message  string
	definite bool
}

func (r refused) Error() string { return r.message }

// journal is an open journal.
type journal interface {
	// append appends a record and returns its offset, when it is durable if it is to be.
	append(payload []byte, durable bool) (offset uint64, err error)
	// scan visits each record, from the oldest on.
	scan(visit func(offset uint64, payload []byte)) error
	close() error
}

type object map[string]any

// syncDirectory makes the names in a directory durable: the sync of a file does not cover its name.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// serve answers requests until "bye" or the end of the input.
func serve(name, version string, open func(directory string) (journal, error)) {
	runtime.LockOSThread() // so that the nth system call means the same in every run
	var served = serving{open: open}
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked struct {
			ID   json.RawMessage
			Op   string
			Args arguments
		}
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		reply := object{"id": asked.ID}
		var found object
		switch asked.Op {
		case "hello":
			found = object{
				"protocol":       1,
				"implementation": object{"name": name, "version": version, "language": "Go"},
				"claims":         []string{"journal/core"},
			}
		case "journal.open":
			found, err = served.begin(asked.Args)
		case "journal.append":
			found, err = served.append(asked.Args)
		case "journal.scan":
			found, err = served.scan()
		case "journal.close":
			found, err = object{}, served.end()
		case "bye":
			found = object{}
		default:
			err = errTodo
		}
		switch {
		case err == errTodo:
			reply["unsupported"] = asked.Op
		case err != nil:
			reply["error"] = described(err)
		default:
			reply["ok"] = found
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

func described(err error) object {
	var refusal refused
	if errors.As(err, &refusal) {
		return object{"code": refusal.code, "definite": refusal.definite, "message": refusal.message}
	}
	code := "io"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		code = "no_space"
	}
	return object{"code": code, "definite": false, "message": err.Error()}
}

type arguments struct {
	Dir     string
	Payload []byte
	Durable *bool
}

// serving is the journal that is open, its lock, and whether an append has failed.
type serving struct {
	open     func(directory string) (journal, error)
	journal  journal
	lock     *os.File
	poisoned bool
}

func (s *serving) begin(args arguments) (object, error) {
	if s.journal != nil {
		return nil, refused{"locked", "a journal is open in this process", true}
	}
	flags := os.O_RDWR | os.O_CREATE | syscall.O_NOFOLLOW // a link leads to a file that is not ours
	lock, err := os.OpenFile(filepath.Join(args.Dir, "lock"), flags, 0o644)
	if err != nil {
		return nil, err
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		lock.Close()
		return nil, refused{"locked", "another process writes to " + args.Dir, true}
	}
	opened, err := s.open(args.Dir)
	if err != nil {
		lock.Close()
		return nil, err
	}
	s.journal, s.lock, s.poisoned = opened, lock, false
	return object{"discarded_bytes": 0}, nil
}

func (s *serving) append(args arguments) (object, error) {
	switch {
	case s.journal == nil:
		return nil, refused{"closed", "no journal is open", true}
	case s.poisoned:
		return nil, refused{"poisoned", "an append has failed: open the journal again", true}
	}
	offset, err := s.journal.append(args.Payload, args.Durable == nil || *args.Durable)
	var refusal refused
	s.poisoned = err != nil && err != errTodo && !errors.As(err, &refusal)
	return object{"offset": offset}, err
}

func (s *serving) scan() (object, error) {
	if s.journal == nil {
		return nil, refused{"closed", "no journal is open", true}
	}
	records := []object{}
	err := s.journal.scan(func(offset uint64, payload []byte) {
		records = append(records, object{"offset": offset, "payload": append([]byte{}, payload...)})
	})
	return object{"records": records, "end": "clean"}, err
}

func (s *serving) end() error {
	if s.journal == nil {
		return nil
	}
	defer s.lock.Close()
	closing := s.journal
	s.journal = nil
	return closing.close()
}
