// syndtr/goleveldb with synchronous writes: one key is one record.
package main

import (
	"encoding/binary"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"

	"tornproof/survey/kit"
)

type log struct {
	*leveldb.DB
	next uint64
}

func (l *log) Append(payload []byte) error {
	number := l.next
	l.next++ // even if it fails: nobody knows whether it is there
	return l.Put(binary.BigEndian.AppendUint64(nil, number), payload, &opt.WriteOptions{Sync: true})
}

func (l *log) Scan(visit func([]byte)) error {
	pairs := l.NewIterator(nil, nil)
	defer pairs.Release()
	for pairs.Next() {
		l.next = max(l.next, binary.BigEndian.Uint64(pairs.Key())+1)
		visit(pairs.Value())
	}
	return pairs.Error()
}

func open(directory string) (kit.Log, error) {
	opened, err := leveldb.OpenFile(directory, nil)
	return &log{opened, 0}, err
}

func main() { kit.Serve("syndtr/goleveldb", "github.com/syndtr/goleveldb", open) }
