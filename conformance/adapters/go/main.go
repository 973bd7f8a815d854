// The adapter: one request a line on stdin, one reply a line on stdout.
//
// One process serves any number of journals, one after the other; each open is
// a recovery, and each close lets go of the lock and of everything else.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"runtime"
	"strconv"
)

// A number travels as a decimal string above 2^53, and is read in either
// spelling.
type number uint64

func (n number) MarshalJSON() ([]byte, error) {
	digits := strconv.FormatUint(uint64(n), 10)
	if n > 1<<53 {
		digits = `"` + digits + `"`
	}
	return []byte(digits), nil
}

func (n *number) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseUint(string(bytes.Trim(text, `"`)), 10, 64)
	*n = number(value)
	return err
}

// Every argument of every operation; what an operation does not need is absent.
// Payloads are base64, which is how encoding/json writes bytes.
type arguments struct {
	Dir          string
	SegmentBytes number `json:"segment_bytes"`
	MaxPayload   number `json:"max_payload"`
	Payload      []byte
	Durable      bool
	Offset       number
	From         *number
	Cursor       number // without one nothing is removed (SEG-7)
}

type request struct {
	ID   json.RawMessage
	Op   string
	Args arguments
}

// An answer is the object of a reply that succeeded.
type answer map[string]any

// An operation is told the journal that is open, if any, and leaves there the one
// that is open afterwards.
type operation func(open **journal, args arguments) (answer, error)

// onJournal is an operation that needs an open journal.
func onJournal(run func(j *journal, args arguments) (answer, error)) operation {
	return func(open **journal, args arguments) (answer, error) {
		if *open == nil {
			return nil, refuse("closed", "no journal is open: open one first")
		}
		return run(*open, args)
	}
}

var operations = map[string]operation{
	"hello": func(**journal, arguments) (answer, error) {
		return answer{
			"protocol":       1,
			"implementation": answer{"name": "tornproof-go", "version": "0.1.0", "language": "Go"},
			"profiles":       []string{"journal/core", "journal/format-v2", "journal/segments"},
			"format":         answer{"frame": "v2", "crc_covers": "frame"},
			"limits":         answer{"max_payload": maxPayload},
		}, nil
	},
	"journal.open": func(open **journal, args arguments) (answer, error) {
		if *open != nil {
			return nil, refuse("locked", "a journal is open here: close it first")
		}
		if args.SegmentBytes < 1 || args.SegmentBytes > math.MaxInt64/2 || args.MaxPayload > math.MaxUint32 {
			return nil, refuse("invalid", "segment_bytes or max_payload is out of range")
		}
		j, err := openJournal(args.Dir, int64(args.SegmentBytes), uint32(args.MaxPayload))
		if err != nil {
			return nil, err
		}
		*open = j
		return answer{"first": number(j.first()), "end": number(j.end()),
			"discarded_bytes": j.discarded, "reason": j.reason}, nil
	},
	"journal.append": onJournal(func(j *journal, args arguments) (answer, error) {
		offset, err := j.append(args.Payload, args.Durable)
		return answer{"offset": number(offset)}, err
	}),
	"journal.sync": onJournal(func(j *journal, _ arguments) (answer, error) {
		return answer{"durable": number(j.end())}, j.sync()
	}),
	"journal.read": onJournal(func(j *journal, args arguments) (answer, error) {
		payload, err := j.read(uint64(args.Offset))
		return answer{"payload": payload, "next": number(j.boundary)}, err
	}),
	"journal.scan": onJournal(func(j *journal, args arguments) (answer, error) {
		records, at := []answer{}, j.first()
		if args.From != nil {
			at = uint64(*args.From)
		}
		for at != j.end() {
			payload, err := j.read(at)
			if err != nil {
				return nil, err
			}
			records = append(records, answer{"offset": number(at), "payload": payload})
			at = j.boundary
		}
		return answer{"records": records, "end": "clean"}, nil
	}),
	"journal.rotate": onJournal(func(j *journal, _ arguments) (answer, error) {
		return answer{"base": number(j.end())}, j.rotate()
	}),
	"journal.segments": onJournal(func(j *journal, _ arguments) (answer, error) {
		list := []answer{}
		for i, held := range j.segments {
			sealed := i+1 < len(j.segments)
			list = append(list, answer{"base": number(held.base), "bytes": held.size, "sealed": sealed})
		}
		return answer{"segments": list}, nil
	}),
	"journal.cleanup": onJournal(func(j *journal, args arguments) (answer, error) {
		err := j.cleanup(uint64(args.Cursor))
		return answer{"first": number(j.first())}, err
	}),
	"journal.close": func(open **journal, _ arguments) (answer, error) {
		j := *open
		*open = nil
		if j == nil { // closing twice is closing once
			return answer{}, nil
		}
		return answer{}, j.close()
	},
	"bye": func(**journal, arguments) (answer, error) { return answer{}, nil },
}

// reply answers one line, and says which operation it asked for.
func reply(line []byte, open **journal) (answer, string) {
	asked := request{ID: json.RawMessage("null")}
	asked.Args = arguments{SegmentBytes: segmentBytes, MaxPayload: maxPayload, Durable: true}
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{"id": asked.ID, "error": describe(refuse("invalid", "%v", err))}, ""
	}
	run, known := operations[asked.Op]
	if !known {
		return answer{"id": asked.ID, "unsupported": asked.Op}, asked.Op
	}
	ok, err := run(open, asked.Args)
	if err != nil {
		return answer{"id": asked.ID, "error": describe(err)}, asked.Op
	}
	return answer{"id": asked.ID, "ok": ok}, asked.Op
}

func describe(err error) answer {
	reason := err.(*failure) // whatever a journal returns is one
	return answer{"code": reason.code, "definite": reason.definite, "message": reason.message}
}

func main() {
	// on one thread, so that the nth call means the same to whoever traces them
	runtime.LockOSThread()
	input := bufio.NewReader(os.Stdin)
	var open *journal
	for op := ""; op != "bye"; {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var answered answer
		answered, op = reply(line, &open)
		text, err := json.Marshal(answered)
		if err != nil {
			panic(err) // a reply is made of strings and numbers alone
		}
		os.Stdout.Write(append(text, '\n'))
	}
}
