// tidwall/wal with its default options: one entry is one record.
package main

import (
	"github.com/tidwall/wal"

	"tornproof/survey/kit"
)

type log struct{ *wal.Log }

func (l log) Append(payload []byte) error {
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	return l.Write(last+1, payload)
}

func (l log) Scan(visit func([]byte)) error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.LastIndex()
	for ; err == nil && first != 0 && first <= last; first++ {
		var payload []byte
		if payload, err = l.Read(first); err == nil {
			visit(payload)
		}
	}
	return err
}

func open(directory string) (kit.Log, error) {
	opened, err := wal.Open(directory, nil)
	return log{opened}, err
}

func main() { kit.Serve("tidwall/wal", "github.com/tidwall/wal", open) }
