// etcd's WAL, opened as its server does: read, and repaired once where that ends too early.
package main

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/coreos/etcd/raft/raftpb"
	"github.com/coreos/etcd/wal"
	"github.com/coreos/etcd/wal/walpb"

	"github.com/coreos/pkg/capnslog"

	"tornproof/survey/kit"
)

type log struct {
	*wal.WAL
	place string
	next  uint64
}

func (l *log) Append(payload []byte) error {
	state := raftpb.HardState{Term: 1, Commit: l.next}
	entry := raftpb.Entry{Term: 1, Index: l.next, Data: payload}
	l.next++
	return l.Save(state, []raftpb.Entry{entry})
}

func (l *log) Scan(visit func([]byte)) error {
	reader, err := wal.OpenForRead(l.place, walpb.Snapshot{})
	if err != nil {
		return err
	}
	defer reader.Close()
	_, _, entries, err := reader.ReadAll()
	for _, entry := range entries {
		visit(entry.Data)
	}
	return err
}

func open(dir string) (kit.Log, error) {
	place := filepath.Join(dir, "wal")
	if !wal.Exist(place) {
		created, err := wal.Create(place, []byte("meta"))
		return &log{created, place, 1}, err
	}
	for repaired := false; ; repaired = true {
		opened, err := wal.Open(place, walpb.Snapshot{})
		if err != nil {
			return nil, err
		}
		_, _, entries, err := opened.ReadAll()
		if err == nil {
			return &log{opened, place, uint64(len(entries)) + 1}, nil
		}
		opened.Close()
		if repaired || !errors.Is(err, io.ErrUnexpectedEOF) || !wal.Repair(place) {
			return nil, err
		}
	}
}

func main() {
	capnslog.SetGlobalLogLevel(capnslog.CRITICAL)
	kit.Fatal = true // the server exits
	kit.ReturnsEverything = true
	kit.Serve("etcd wal", "github.com/coreos/etcd", open)
}
