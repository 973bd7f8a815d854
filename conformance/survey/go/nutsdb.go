// nutsdb/nutsdb with SyncEnable: one element of a list is one record, and one transaction.
package main

import (
	"encoding/binary"
	"errors"

	"github.com/nutsdb/nutsdb"

	"tornproof/survey/kit"
)

const bucket = "log"

type log struct {
	*nutsdb.DB
	next uint64
}

func (l *log) Append(payload []byte) error {
	number := l.next
	l.next++ // even if it fails: nobody knows whether it is there
	return l.Update(func(writing *nutsdb.Tx) error {
		return writing.Put(bucket, binary.BigEndian.AppendUint64(nil, number), payload, 0)
	})
}

func (l *log) Scan(visit func([]byte)) error {
	return l.View(func(reading *nutsdb.Tx) error {
		keys, values, err := reading.GetAll(bucket)
		for n, payload := range values {
			l.next = max(l.next, binary.BigEndian.Uint64(keys[n])+1)
			visit(payload)
		}
		if errors.Is(err, nutsdb.ErrBucketEmpty) {
			return nil
		}
		return err
	})
}

func open(directory string) (kit.Log, error) {
	opened, err := nutsdb.Open(nutsdb.DefaultOptions, nutsdb.WithDir(directory), nutsdb.WithSyncEnable(true),
		nutsdb.WithSegmentSize(64<<10))
	if err != nil {
		return nil, err
	}
	err = opened.Update(func(writing *nutsdb.Tx) error {
		if writing.ExistBucket(nutsdb.DataStructureBTree, bucket) {
			return nil
		}
		return writing.NewBucket(nutsdb.DataStructureBTree, bucket)
	})
	return &log{opened, 0}, err
}

func main() {
	kit.ReturnsEverything = true
	kit.Serve("nutsdb/nutsdb", "github.com/nutsdb/nutsdb", open)
}
