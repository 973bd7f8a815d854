package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/gowebpki/jcs"

	"tornproof/adapter/journal"
)

// An event is a decision to refuse or to escalate, in its canonical bytes (the chapter "Events").
type event struct {
	id, agent, timestamp string
	payload              []byte
}

func (e event) hash() []byte { sum := sha256.Sum256(e.payload); return sum[:] }

// The members of each kind of action, with a question mark where one may be missing.
var (
	actions = map[string]string{
		"bash": "command cwd?", "filesystem_write": "path byte_estimate?", "network_request": "host scheme",
		"process_spawn": "binary args", "read_action": "surface namespace? query?", "custom": "custom_kind payload",
	}
	notText = map[string]func(any) bool{
		"byte_estimate": func(v any) bool { n, ok := v.(json.Number); return ok && !strings.ContainsAny(string(n), "-.eE") },
		"args":          func(v any) bool { list, ok := v.([]any); return ok && !slices.ContainsFunc(list, isNoText) },
		"payload":       func(any) bool { return true },
	}
)

func isNoText(v any) bool { _, ok := v.(string); return !ok }

// encode writes such a decision down, or refuses what has no canonical form (EVT-2, EVT-5).
func encode(agent string, rawAction, rawDecision json.RawMessage, timestamp, id string) (event, error) {
	action, decision := object(rawAction), object(rawDecision)
	kind, _ := action["kind"].(string)
	members, known := actions[kind]
	if !known {
		return event{}, journal.Refuse("invalid", "an action of kind %q is not known", kind)
	}
	if err := require(action, "kind", members); err != nil {
		return event{}, err
	}
	if err := require(decision, "decision", "rule_id reason"); err != nil {
		return event{}, err
	}
	if err := exact(action); err != nil {
		return event{}, err
	}
	moment, err := time.Parse(time.RFC3339Nano, timestamp)
	if _, offset := moment.Zone(); err == nil && (offset <= -86400 || offset >= 86400) {
		err = errors.New("its offset is a day or more") // time.Parse lets +24:00 pass
	}
	if err != nil {
		return event{}, journal.Refuse("invalid", "the timestamp is not RFC 3339: %v", err)
	}
	timestamp = moment.UTC().Format("2006-01-02T15:04:05.000000000Z")
	text, err := json.Marshal(map[string]any{"action": rawAction, "agent_id": agent, "decision": rawDecision,
		"event_id": id, "timestamp": timestamp})
	if err == nil {
		text, err = jcs.Transform(text)
	}
	if err != nil {
		return event{}, journal.Refuse("invalid", "the event has no RFC 8785 form: %v", err)
	}
	if len(text) > journal.MaxPayload {
		return event{}, journal.Refuse("too_large", "the event takes %d bytes, above the maximum of %d", len(text), journal.MaxPayload)
	}
	return event{id, agent, timestamp, text}, nil
}

// object reads a JSON object with its numbers as they are written; none is an empty one.
func object(raw json.RawMessage) (read map[string]any) {
	reading := json.NewDecoder(bytes.NewReader(raw))
	reading.UseNumber()
	reading.Decode(&read) // what is no object lacks every member
	return read
}

// require insists on the members of an action or a decision, and on no others.
func require(object map[string]any, tag, members string) error {
	allowed := 1
	for _, name := range strings.Fields(members) {
		name, optional := strings.CutSuffix(name, "?")
		value, there := object[name]
		if !there && optional {
			continue
		}
		isRight, special := notText[name]
		if there && special && !isRight(value) || !there || !special && isNoText(value) {
			return journal.Refuse("invalid", "%s %v: member %s is missing or of another type", tag, object[tag], name)
		}
		allowed++
	}
	if len(object) != allowed {
		return journal.Refuse("invalid", "%s %v has members that it should not have", tag, object[tag])
	}
	return nil
}

// decode reads what the chain has columns for out of canonical bytes.
func decode(payload []byte) (event, error) {
	var read struct {
		Agent string `json:"agent_id"`
		ID    string `json:"event_id"`
		Time  string `json:"timestamp"`
	}
	err := json.Unmarshal(payload, &read)
	if err == nil && (read.ID == "" || read.Time == "") {
		err = fmt.Errorf("event_id or timestamp is missing")
	}
	return event{read.ID, read.Agent, read.Time, payload}, err
}

const largest = 1<<53 - 1 // the largest integer that RFC 7493 allows

// exact refuses integers that a 64-bit float cannot hold: RFC 8785 would round them.
func exact(value any) error {
	var err error
	switch value := value.(type) {
	case map[string]any:
		for _, each := range value {
			err = errors.Join(err, exact(each))
		}
	case []any:
		for _, each := range value {
			err = errors.Join(err, exact(each))
		}
	case json.Number:
		_, failed := value.Float64()
		if whole := !strings.ContainsAny(string(value), ".eE"); whole && failed == nil {
			var number int64
			if number, failed = value.Int64(); number < -largest || number > largest {
				failed = strconv.ErrRange
			}
		}
		if failed != nil {
			return journal.Refuse("invalid", "the number %s is not exact as a 64-bit float", value)
		}
	}
	return err
}

// hasLoneSurrogate finds an escape that is half a character: encoding/json would replace it silently.
func hasLoneSurrogate(line []byte) bool {
	at := func(i int) rune {
		if i+6 > len(line) || line[i] != '\\' || line[i+1] != 'u' {
			return 0
		}
		unit, _ := strconv.ParseUint(string(line[i+2:i+6]), 16, 16)
		return rune(unit)
	}
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			continue
		}
		if unit := at(i); !utf16.IsSurrogate(unit) {
			i++ // the character behind a backslash is no backslash of its own
		} else if utf16.DecodeRune(unit, at(i+6)) == '\uFFFD' {
			return true
		} else {
			i += 11
		}
	}
	return false
}
