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

	"tornproof/adapter/journal"
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
type operation func(open **journal.Journal, args arguments) (answer, error)

// onJournal is an operation that needs an open journal.
func onJournal(run func(j *journal.Journal, args arguments) (answer, error)) operation {
	return func(open **journal.Journal, args arguments) (answer, error) {
		if *open == nil {
			return nil, journal.Refuse("closed", "no journal is open: open one first")
		}
		return run(*open, args)
	}
}

var operations = map[string]operation{
	"hello": func(**journal.Journal, arguments) (answer, error) {
		return answer{
			"protocol":       1,
			"implementation": answer{"name": "tornproof-go", "version": "0.1.0", "language": "Go"},
			"claims":       []string{"journal/core", "journal/format-v2", "journal/segments"},
			"format":         answer{"frame": "v2", "crc_covers": "frame"},
			"limits":         answer{"max_payload": journal.MaxPayload},
		}, nil
	},
	"journal.open": func(open **journal.Journal, args arguments) (answer, error) {
		if *open != nil {
			return nil, journal.Refuse("locked", "a journal is open here: close it first")
		}
		if args.SegmentBytes < 1 || args.SegmentBytes > math.MaxInt64/2 || args.MaxPayload > math.MaxUint32 {
			return nil, journal.Refuse("invalid", "segment_bytes or max_payload is out of range")
		}
		j, err := journal.Open(args.Dir, int64(args.SegmentBytes), uint32(args.MaxPayload))
		if err != nil {
			return nil, err
		}
		*open = j
		return answer{"first": number(j.First()), "end": number(j.End()),
			"discarded_bytes": j.Discarded, "reason": j.Reason}, nil
	},
	"journal.append": onJournal(func(j *journal.Journal, args arguments) (answer, error) {
		offset, err := j.Append(args.Payload, args.Durable)
		return answer{"offset": number(offset)}, err
	}),
	"journal.sync": onJournal(func(j *journal.Journal, _ arguments) (answer, error) {
		return answer{"durable": number(j.End())}, j.Sync()
	}),
	"journal.read": onJournal(func(j *journal.Journal, args arguments) (answer, error) {
		payload, next, err := j.Read(uint64(args.Offset))
		return answer{"payload": payload, "next": number(next)}, err
	}),
	"journal.scan": onJournal(func(j *journal.Journal, args arguments) (answer, error) {
		records, at := []answer{}, j.First()
		if args.From != nil {
			at = uint64(*args.From)
		}
		for at != j.End() {
			payload, next, err := j.Read(at)
			if err != nil {
				return nil, err
			}
			records = append(records, answer{"offset": number(at), "payload": payload})
			at = next
		}
		return answer{"records": records, "end": "clean"}, nil
	}),
	"journal.rotate": onJournal(func(j *journal.Journal, _ arguments) (answer, error) {
		return answer{"base": number(j.End())}, j.Rotate()
	}),
	"journal.segments": onJournal(func(j *journal.Journal, _ arguments) (answer, error) {
		list := []answer{}
		for i, held := range j.Segments {
			sealed := i+1 < len(j.Segments)
			list = append(list, answer{"base": number(held.Base), "bytes": held.Size, "sealed": sealed})
		}
		return answer{"segments": list}, nil
	}),
	"journal.cleanup": onJournal(func(j *journal.Journal, args arguments) (answer, error) {
		err := j.Cleanup(uint64(args.Cursor))
		return answer{"first": number(j.First())}, err
	}),
	"journal.close": func(open **journal.Journal, _ arguments) (answer, error) {
		j := *open
		*open = nil
		if j == nil { // closing twice is closing once
			return answer{}, nil
		}
		return answer{}, j.Close()
	},
	"bye": func(**journal.Journal, arguments) (answer, error) { return answer{}, nil },
}

// reply answers one line, and says which operation it asked for.
func reply(line []byte, open **journal.Journal) (answer, string) {
	asked := request{ID: json.RawMessage("null")}
	asked.Args = arguments{SegmentBytes: journal.SegmentBytes, MaxPayload: journal.MaxPayload, Durable: true}
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{"id": asked.ID, "error": describe(journal.Refuse("invalid", "%v", err))}, ""
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
	reason := err.(*journal.Failure) // whatever a journal returns is one
	return answer{"code": reason.Code, "definite": reason.Definite, "message": reason.Message}
}

func main() {
	// on one thread, so that the nth call means the same to whoever traces them
	runtime.LockOSThread()
	input := bufio.NewReader(os.Stdin)
	var open *journal.Journal
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
