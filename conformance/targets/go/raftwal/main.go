// hashicorp/raft-wal with small segments: one log entry of raft is one record.
package main

import (
	"errors"
	"io"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"tornproof/targets/kit"
)

const segmentBytes = 64 << 10 // the default preallocates 64 MiB

// The log, and its index of segments, which Close leaves open.
type log struct {
	*wal.WAL
	meta *metadb.BoltMetaDB
}

func (l log) Close() error { return errors.Join(l.WAL.Close(), l.meta.Close()) }

func (l log) Write(index uint64, payload []byte) error {
	return l.StoreLog(&raft.Log{Index: index, Data: payload})
}

func (l log) Read(index uint64) ([]byte, error) {
	var entry raft.Log
	err := l.GetLog(index, &entry)
	return entry.Data, err
}

func open(directory string) (kit.Log, error) {
	silent := hclog.New(&hclog.LoggerOptions{Output: io.Discard})
	meta := &metadb.BoltMetaDB{}
	opened, err := wal.Open(directory,
		wal.WithSegmentSize(segmentBytes), wal.WithLogger(silent), wal.WithMetaStore(meta))
	if err != nil {
		meta.Close()
	}
	return log{opened, meta}, err
}

func main() { kit.Serve("hashicorp/raft-wal", "github.com/hashicorp/raft-wal", open) }
