// A deferred queue and its chain, written from the chapters "Drainer", "Chain" and "Events", behind
// the adapter protocol.  Its spool is the journal of ../go.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"time"

	"tornproof/adapter/journal"
)

// Every argument of every operation; what an operation does not need is absent.
type arguments struct {
	Dir         string
	MaxRestarts *int `json:"max_restarts"`
	Paused      bool
	Durable     bool
	Agent       string          `json:"agent_id"`
	Action      json.RawMessage // of an event an object, of a fault a text
	Decision    json.RawMessage
	Timestamp   string
	EventID     string `json:"event_id"`
	TimeoutMS   *int64 `json:"timeout_ms"`
	Head        []byte
	Keys        [][]byte
	Pairwise    string
	Point       string
	Nth         int
	Times       int
}

type answer map[string]any

const defaultRestarts = 3

var (
	plans = &plan{}
	queue *drainer // the one that is open, or was last
)

func opened() *drainer {
	if queue == nil {
		panic(journal.Refuse("closed", "no drainer is open: open one first"))
	}
	return queue
}

func timeout(ms *int64) time.Duration {
	if ms == nil {
		return time.Hour
	}
	return time.Duration(*ms) * time.Millisecond
}

// looking runs a query on a connection of its own.
func looking(run func(s *sink) (answer, error)) (answer, error) {
	s, err := openSink(opened().path, "", &plan{})
	if err != nil {
		return nil, err
	}
	defer s.close()
	return run(s)
}

// listed reads rows of columns into objects of these members.
func listed(query string, members ...string) (answer, error) {
	return looking(func(s *sink) (answer, error) {
		rows, err := s.on.QueryContext(ctx, query)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		found := []answer{}
		for rows.Next() {
			values, places := make([]any, len(members)), make([]any, len(members))
			for i := range values {
				places[i] = &values[i]
			}
			if err := rows.Scan(places...); err != nil {
				return nil, err
			}
			one := answer{}
			for i, name := range members {
				one[name] = values[i]
			}
			found = append(found, one)
		}
		return answer{"rows": found}, rows.Err()
	})
}

var operations = map[string]func(args arguments) (answer, error){
	"hello": func(arguments) (answer, error) {
		return answer{
			"protocol":       1,
			"implementation": answer{"name": "tornproof-go-drainer", "version": "0.1.0", "language": "Go"},
			"claims":       []string{"drainer/durable", "chain/v1"},
		}, nil
	},
	"drainer.open": func(args arguments) (answer, error) {
		if !args.Durable {
			return nil, journal.Refuse("invalid", "this drainer always has a spool")
		}
		restarts := defaultRestarts
		if args.MaxRestarts != nil {
			restarts = *args.MaxRestarts
		}
		made, err := open(args.Dir, restarts, args.Paused, plans)
		if err == nil {
			queue = made
		}
		return answer{"database": "chain.db"}, err
	},
	"drainer.submit": func(args arguments) (answer, error) {
		d := opened()
		if kind := object(args.Decision)["decision"]; kind != "refuse" && kind != "escalate" { // no event, and not counted (EVT-1)
			return answer{"admitted": false}, nil
		}
		id := args.EventID
		if id == "" {
			id = mint()
		}
		e, err := d.submit(func() (event, error) { return encode(args.Agent, args.Action, args.Decision, args.Timestamp, id) })
		var refused *journal.Failure
		if errors.As(err, &refused) && refused.Definite {
			return answer{"admitted": false, "event_id": id}, nil
		}
		return answer{"admitted": true, "event_id": e.id}, err
	},
	"drainer.drain": func(args arguments) (answer, error) {
		pending, err := opened().drain(timeout(args.TimeoutMS))
		return answer{"drained": len(pending) == 0, "pending": pending}, err
	},
	"drainer.metrics": func(arguments) (answer, error) {
		d := opened()
		return looking(func(s *sink) (answer, error) {
			var letters int
			err := s.on.QueryRowContext(ctx, "SELECT count(*) FROM signed_events_dlq").Scan(&letters)
			d.admission.Lock()
			defer d.admission.Unlock()
			c := d.counts
			return answer{"submitted": c.submitted, "refused": c.refused, "chained": c.chained, "dead_lettered": c.deadLettered,
				"pending": c.submitted - c.refused - c.chained - c.deadLettered, "lost": 0, "race_retries": c.raceRetries,
				"dlq_size": letters}, err
		})
	},
	"drainer.chain": func(arguments) (answer, error) {
		return listed("SELECT sequence, id, payload FROM signed_events ORDER BY sequence", "sequence", "event_id", "payload")
	},
	"drainer.dlq": func(arguments) (answer, error) {
		return listed("SELECT id, payload, failure_reason FROM signed_events_dlq ORDER BY dlq_id", "event_id", "payload", "reason")
	},
	"drainer.verify": func(args arguments) (answer, error) {
		if args.Pairwise != "" {
			return nil, journal.Refuse("invalid", "chains of v0.7 are not read")
		}
		return looking(func(s *sink) (answer, error) {
			breaks, err := verify(ctx, s.on, args.Head, args.Keys)
			return answer{"breaks": breaks}, err
		})
	},
	"drainer.replay": func(arguments) (answer, error) {
		letters, err := listed("SELECT dlq_id, payload, payload_hash FROM signed_events_dlq ORDER BY dlq_id", "letter", "payload", "hash")
		replayed := []string{}
		for _, letter := range letters["rows"].([]answer) {
			e, undecodable := decode(letter["payload"].([]byte))
			if undecodable != nil || !bytes.Equal(e.hash(), letter["hash"].([]byte)) {
				continue // somebody has changed it (DRN-35)
			}
			_, err = looking(func(s *sink) (answer, error) { return nil, s.replay(letter["letter"].(int64), e) })
			if err != nil && classify(err) != permanent {
				break
			}
			if err == nil { // what the chain still refuses stays a dead letter
				replayed = append(replayed, e.id)
			}
			err = nil
		}
		return answer{"replayed": replayed}, err
	},
	"drainer.close": func(args arguments) (answer, error) {
		if queue == nil {
			return answer{}, nil
		}
		pending, err := queue.close(timeout(args.TimeoutMS))
		return answer{"drained": len(pending) == 0, "pending": pending}, err
	},
	"fault.points": func(arguments) (answer, error) { return answer{"points": points}, nil },
	"fault.arm": func(args arguments) (answer, error) {
		var action string
		json.Unmarshal(args.Action, &action)
		return answer{}, plans.arm(args.Point, action, args.Nth, max(args.Times, 1))
	},
	"fault.disarm": func(arguments) (answer, error) { plans.faults = nil; return answer{}, nil },
	"bye":          func(arguments) (answer, error) { return answer{}, nil },
}

// reply answers one line, and says which operation it asked for.
func reply(line []byte) (said answer, op string) {
	var asked struct {
		ID   json.RawMessage
		Op   string
		Args json.RawMessage
	}
	failing := func(err error) answer { return answer{"id": asked.ID, "error": describe(err)} }
	defer func() {
		if refused, ok := recover().(error); ok {
			said = failing(refused)
		}
	}()
	if err := json.Unmarshal(line, &asked); err != nil {
		return failing(journal.Refuse("invalid", "%v", err)), ""
	}
	run, known := operations[asked.Op]
	if !known {
		return answer{"id": asked.ID, "unsupported": asked.Op}, asked.Op
	}
	var args arguments
	if err := json.Unmarshal(asked.Args, &args); err != nil || hasLoneSurrogate(asked.Args) {
		return failing(journal.Refuse("invalid", "an argument cannot be read, or is no text: %v", err)), asked.Op
	}
	ok, err := run(args)
	if err != nil {
		return failing(err), asked.Op
	}
	return answer{"id": asked.ID, "ok": ok}, asked.Op
}

func describe(err error) answer {
	var known *journal.Failure
	if errors.As(err, &known) {
		return answer{"code": known.Code, "definite": known.Definite, "message": known.Message}
	}
	return answer{"code": "io", "definite": false, "message": err.Error()}
}

func main() {
	// on one thread, so that the nth call means the same to whoever traces them
	runtime.LockOSThread()
	input := bufio.NewReader(os.Stdin)
	for op := ""; op != "bye"; {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var said answer
		said, op = reply(line)
		text, err := json.Marshal(said)
		if err != nil {
			panic(err) // a reply is made of strings, numbers and bytes alone
		}
		os.Stdout.Write(append(text, '\n'))
	}
}
