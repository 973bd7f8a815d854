// The adapter: one request a line on stdin, one reply a line on stdout.
//
// One process serves any number of journals, one after the other; each open is
// a recovery, and each close lets go of the lock and of everything else.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
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
	Dir          *string
	SegmentBytes *number `json:"segment_bytes"`
	MaxPayload   *number `json:"max_payload"`
	Payload      *[]byte
	Payloads     [][]byte
	Durable      *bool
	Offset       number
	From         *number
	Cursor       number // without one nothing is removed (SEG-7)
}

type request struct {
	ID   json.RawMessage `json:"id"`
	Op   string
	Args arguments
}

// An answer is the object of a reply that succeeded.
type answer map[string]any

func valueOr[T any](pointer *T, absent T) T {
	if pointer == nil {
		return absent
	}
	return *pointer
}

var journalOperations = map[string]func(*journal, arguments) (answer, error){
	"journal.append": func(j *journal, args arguments) (answer, error) {
		if args.Payload == nil {
			return nil, refuse("invalid", "payload is missing")
		}
		offsets, err := j.append([][]byte{*args.Payload}, valueOr(args.Durable, true))
		if err != nil {
			return nil, err
		}
		return answer{"offset": number(offsets[0])}, nil
	},
	"journal.append_many": func(j *journal, args arguments) (answer, error) {
		offsets, err := j.append(args.Payloads, valueOr(args.Durable, true))
		numbers := make([]number, len(offsets))
		for i, offset := range offsets {
			numbers[i] = number(offset)
		}
		return answer{"offsets": numbers}, err
	},
	"journal.sync": func(j *journal, _ arguments) (answer, error) {
		err := j.sync()
		return answer{"durable": number(j.end())}, err
	},
	"journal.read": func(j *journal, args arguments) (found answer, err error) {
		err = j.scan(uint64(args.Offset), func(offset uint64, payload []byte) bool {
			next := offset + headerBytes + uint64(len(payload))
			found = answer{"payload": whole(payload), "next": number(next)}
			return false
		})
		return found, err
	},
	"journal.scan": func(j *journal, args arguments) (answer, error) {
		from := uint64(valueOr(args.From, number(j.first())))
		records := []answer{}
		if from == j.end() {
			return answer{"records": records, "end": "clean"}, nil
		}
		err := j.scan(from, func(offset uint64, payload []byte) bool {
			records = append(records, answer{"offset": number(offset), "payload": whole(payload)})
			return true
		})
		var reason *failure
		if errors.As(err, &reason) && reason.code == "corrupt" {
			return answer{"records": records, "end": "corrupt"}, nil
		}
		return answer{"records": records, "end": "clean"}, err
	},
	"journal.rotate": func(j *journal, _ arguments) (answer, error) {
		err := j.rotate()
		return answer{"base": number(j.end())}, err
	},
	"journal.segments": func(j *journal, _ arguments) (answer, error) {
		list := []answer{}
		for i, held := range j.segments {
			sealed := i+1 < len(j.segments)
			list = append(list, answer{"base": number(held.base), "bytes": held.size, "sealed": sealed})
		}
		return answer{"segments": list}, nil
	},
	"journal.cleanup": func(j *journal, args arguments) (answer, error) {
		err := j.cleanup(uint64(args.Cursor))
		return answer{"first": number(j.first())}, err
	},
}

// whole makes an empty payload an empty string, where nil would become null.
func whole(payload []byte) []byte { return append([]byte{}, payload...) }

func open(args arguments) (*journal, error) {
	size := valueOr(args.SegmentBytes, segmentBytes)
	longest := valueOr(args.MaxPayload, maxPayload)
	if args.Dir == nil || size < 1 || size > math.MaxInt64/2 || longest > math.MaxUint32 {
		return nil, refuse("invalid", "dir, segment_bytes or max_payload is out of range")
	}
	return openJournal(*args.Dir, int64(size), uint32(longest))
}

// An adapter's only state is the journal that is open, if any.
type adapter struct{ journal *journal }

func (a *adapter) perform(op string, args arguments) (answer, error) {
	switch op {
	case "hello":
		return answer{
			"protocol":       1,
			"implementation": answer{"name": "tornproof-go", "version": "0.1.0", "language": "Go"},
			"profiles":       []string{"journal/core", "journal/format-v2", "journal/segments"},
			"format":         answer{"frame": "v2", "crc_covers": "frame"},
			"limits":         answer{"max_payload": maxPayload},
		}, nil
	case "journal.open":
		if a.journal != nil {
			return nil, refuse("locked", "a journal is open here: close it first")
		}
		j, err := open(args)
		if err != nil {
			return nil, err
		}
		a.journal = j
		opened := answer{"first": number(j.first()), "end": number(j.end()), "discarded_bytes": j.discarded}
		if j.reason != sound {
			opened["reason"] = j.reason
		}
		return opened, nil
	case "journal.close": // closing twice is closing once
		j := a.journal
		a.journal = nil
		if j == nil {
			return answer{}, nil
		}
		return answer{}, j.close()
	case "bye":
		return answer{}, nil
	}
	run, known := journalOperations[op]
	if !known {
		return nil, nil
	}
	if a.journal == nil {
		return nil, refuse("closed", "no journal is open: open one first")
	}
	return run(a.journal, args)
}

func (a *adapter) reply(line []byte) (reply answer, last bool) {
	asked := request{ID: json.RawMessage("null")}
	err := json.Unmarshal(line, &asked)
	var found answer
	if err == nil {
		found, err = a.perform(asked.Op, asked.Args)
	}
	reply = answer{"id": asked.ID}
	var reason *failure
	switch {
	case errors.As(err, &reason):
		reply["error"] = answer{"code": reason.code, "definite": reason.definite, "message": reason.message}
	case err != nil:
		reply["error"] = answer{"code": "invalid", "definite": true, "message": err.Error()}
	case found == nil:
		reply["unsupported"] = asked.Op
	default:
		reply["ok"] = found
	}
	return reply, asked.Op == "bye"
}

func main() {
	// on one thread, so that the nth call means the same to whoever traces them
	runtime.LockOSThread()
	input := bufio.NewReader(os.Stdin)
	var served adapter
	for {
		line, err := input.ReadString('\n')
		if err != nil {
			return
		}
		reply, last := served.reply([]byte(strings.TrimSpace(line)))
		text, err := json.Marshal(reply)
		if err != nil {
			panic(err) // a reply is made of strings and numbers alone
		}
		os.Stdout.Write(append(text, '\n'))
		if last {
			return
		}
	}
}
