// tidwall/wal with its default options: one entry is one record.
package main

import (
	"github.com/tidwall/wal"

	"tornproof/targets/kit"
)

type log struct{ *wal.Log }

func (l log) Append(payload []byte) (uint64, error) {
	last, err := l.LastIndex()
	if err != nil {
		return 0, err
	}
	return last + 1, l.Write(last+1, payload)
}

func (l log) Records(visit func(uint64, []byte)) error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	for index := first; index != 0 && index <= last; index++ {
		payload, err := l.Read(index)
		if err != nil {
			return err
		}
		visit(index, payload)
	}
	return nil
}

func open(directory string) (kit.Log, error) {
	opened, err := wal.Open(directory, nil)
	return log{opened}, err
}

func main() { kit.Serve("tidwall/wal", "github.com/tidwall/wal", open) }
