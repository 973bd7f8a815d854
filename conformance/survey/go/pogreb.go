// akrylysov/pogreb, synced after each write: one key is one record.
package main

import (
	"encoding/binary"
	"errors"
	"sort"

	"github.com/akrylysov/pogreb"

	"tornproof/survey/kit"
)

type log struct {
	*pogreb.DB
	next uint64
}

func (l *log) Append(payload []byte) error {
	number := l.next
	l.next++ // even if it fails: nobody knows whether it is there
	if err := l.Put(binary.BigEndian.AppendUint64(nil, number), payload); err != nil {
		return err
	}
	return l.Sync()
}

func (l *log) Scan(visit func([]byte)) error {
	found := map[uint64][]byte{}
	numbers := []uint64{}
	for pairs := l.Items(); ; {
		key, value, err := pairs.Next()
		if errors.Is(err, pogreb.ErrIterationDone) {
			break
		}
		if err != nil {
			return err
		}
		number := binary.BigEndian.Uint64(key)
		found[number], numbers = value, append(numbers, number)
	}
	sort.Slice(numbers, func(a, b int) bool { return numbers[a] < numbers[b] })
	for _, number := range numbers {
		l.next = max(l.next, number+1)
		visit(found[number])
	}
	return nil
}

func open(directory string) (kit.Log, error) {
	opened, err := pogreb.Open(directory+"/db", nil)
	return &log{opened, 0}, err
}

func main() { kit.Serve("akrylysov/pogreb", "github.com/akrylysov/pogreb", open) }
