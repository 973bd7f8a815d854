// cockroachdb/pebble with synchronous writes: one key is one record.
package main

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble"

	"tornproof/survey/kit"
)

type log struct {
	*pebble.DB
	next uint64
}

func (l *log) Append(payload []byte) error {
	number := l.next
	l.next++ // even if it fails: nobody knows whether it is there
	return l.Set(binary.BigEndian.AppendUint64(nil, number), payload, pebble.Sync)
}

func (l *log) Scan(visit func([]byte)) error {
	pairs, err := l.NewIter(nil)
	if err != nil {
		return err
	}
	for pairs.First(); pairs.Valid(); pairs.Next() {
		l.next = max(l.next, binary.BigEndian.Uint64(pairs.Key())+1)
		visit(pairs.Value())
	}
	return pairs.Close()
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(text string, values ...any) {
	panic("pebble says that it cannot go on: " + text)
}

func open(directory string) (kit.Log, error) {
	kit.Fatal = true // it ends the process
	opened, err := pebble.Open(directory, &pebble.Options{Logger: silent{}})
	return &log{opened, 0}, err
}

func main() { kit.Serve("cockroachdb/pebble", "github.com/cockroachdb/pebble", open) }
