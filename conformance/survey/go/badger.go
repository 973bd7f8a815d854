// dgraph-io/badger with SyncWrites: one key is one record, and one transaction.
package main

import (
	"encoding/binary"

	"github.com/dgraph-io/badger/v4"

	"tornproof/survey/kit"
)

type log struct {
	*badger.DB
	next uint64
}

func (l *log) Append(payload []byte) error {
	number := l.next
	l.next++ // even if it fails: nobody knows whether it is there
	return l.Update(func(writing *badger.Txn) error {
		return writing.Set(binary.BigEndian.AppendUint64(nil, number), payload)
	})
}

func (l *log) Scan(visit func([]byte)) error {
	return l.View(func(reading *badger.Txn) error {
		pairs := reading.NewIterator(badger.DefaultIteratorOptions)
		defer pairs.Close()
		for pairs.Rewind(); pairs.Valid(); pairs.Next() {
			l.next = max(l.next, binary.BigEndian.Uint64(pairs.Item().Key())+1)
			if err := pairs.Item().Value(func(payload []byte) error { visit(payload); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
}

func open(directory string) (kit.Log, error) {
	options := badger.DefaultOptions(directory).WithSyncWrites(true).WithLogger(nil)
	options = options.WithValueLogFileSize(1 << 20).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10).WithNumCompactors(2)
	opened, err := badger.Open(options)
	return &log{opened, 0}, err
}

func main() { kit.Serve("dgraph-io/badger", "github.com/dgraph-io/badger/v4", open) }
