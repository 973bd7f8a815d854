// etcd's WAL of version 2.0, opened as its server does, which has no repair yet.
package main

import (
	"path/filepath"

	"github.com/coreos/etcd/raft/raftpb"
	"github.com/coreos/etcd/wal"
	"github.com/coreos/etcd/wal/walpb"

	"tornproof/survey/kit"
)

type log struct {
	*wal.WAL
	records [][]byte
}

func (l *log) Append(payload []byte) error {
	number := uint64(len(l.records)) + 1
	l.records = append(l.records, payload)
	state := raftpb.HardState{Term: 1, Commit: number}
	return l.Save(state, []raftpb.Entry{{Term: 1, Index: number, Data: payload}})
}

func (l *log) Scan(visit func([]byte)) error {
	for _, record := range l.records {
		visit(record)
	}
	return nil
}

func (l *log) Close() error { l.WAL.Close(); return nil }

func open(dir string) (kit.Log, error) {
	place := filepath.Join(dir, "wal")
	if !wal.Exist(place) {
		created, err := wal.Create(place, []byte("meta"))
		return &log{created, nil}, err
	}
	opened, err := wal.Open(place, walpb.Snapshot{})
	if err != nil {
		return nil, err
	}
	_, _, entries, err := opened.ReadAll()
	if err != nil {
		opened.Close()
		return nil, err
	}
	l := &log{opened, nil}
	for _, entry := range entries {
		l.records = append(l.records, entry.Data)
	}
	return l, nil
}

func main() {
	kit.Fatal = true // the server exits
	kit.Serve("etcd wal", "github.com/coreos/etcd", open)
}
