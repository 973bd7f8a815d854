// bbolt with its default options: a bucket of numbered records, one transaction each.
package main

import (
	"encoding/binary"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"tornproof/survey/kit"
)

var name = []byte("log")

type log struct{ *bolt.DB }

func (l log) Append(payload []byte) error {
	return l.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(name)
		if err != nil {
			return err
		}
		next, err := bucket.NextSequence()
		if err != nil {
			return err
		}
		return bucket.Put(binary.BigEndian.AppendUint64(nil, next), payload)
	})
}

func (l log) Scan(visit func([]byte)) error {
	return l.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(name)
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(_, payload []byte) error { visit(payload); return nil })
	})
}

func open(dir string) (kit.Log, error) {
	opened, err := bolt.Open(filepath.Join(dir, "db"), 0o644, nil)
	return log{opened}, err
}

func main() { kit.Serve("bbolt", "go.etcd.io/bbolt", open) }
