// hashicorp/raft-wal with small segments: one log entry of raft is one record.
//
// With the argument "truncate" it is used as a follower does: each record replaces an entry that is
// cut off first.
package main

import (
	"errors"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"

	"tornproof/survey/kit"
)

const segmentBytes = 64 << 10 // the default preallocates 64 MiB

// A log has an index of segments, which Close leaves open.
type log struct {
	*wal.WAL
	meta *metadb.BoltMetaDB
}

func (l log) Close() error { return errors.Join(l.WAL.Close(), l.meta.Close()) }

func (l log) Append(payload []byte) error {
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	next := last + 1
	if len(os.Args) > 1 && os.Args[1] == "truncate" && next > 1 {
		if err := l.StoreLog(&raft.Log{Index: next, Type: raft.LogNoop, Data: []byte("of a deposed leader")}); err != nil {
			return err
		}
		if err := l.DeleteRange(next, next); err != nil {
			return err
		}
	}
	return l.StoreLog(&raft.Log{Index: next, Data: payload})
}

func (l log) Scan(visit func([]byte)) error {
	first, err := l.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	last, err := l.LastIndex()
	for ; err == nil && first <= last; first++ {
		var entry raft.Log
		if err = l.GetLog(first, &entry); err == nil && entry.Type != raft.LogNoop {
			visit(entry.Data)
		}
	}
	return err
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
