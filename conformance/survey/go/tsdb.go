// The WAL of prometheus/tsdb before 0.9, opened as its Head does: read, and repaired where that fails.
//
// The library syncs a segment when it is full; the argument "sync" has its user sync each record.
package main

import (
	"os"

	"github.com/prometheus/tsdb/wal"

	"tornproof/survey/kit"
)

const segmentBytes = 4 * 32 << 10 // four pages

type log struct {
	*wal.WAL
	directory string
}

func (l log) Append(payload []byte) error {
	if err := l.Log(payload); err != nil || len(os.Args) < 2 || os.Args[1] != "sync" {
		return err
	}
	_, last, err := l.Segments()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(wal.SegmentName(l.directory, last), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

func (l log) Scan(visit func([]byte)) error {
	segments, err := wal.NewSegmentsReader(l.directory)
	if err != nil {
		return err
	}
	defer segments.Close()
	reader := wal.NewReader(segments)
	for reader.Next() {
		visit(reader.Record())
	}
	return reader.Err()
}

func open(directory string) (kit.Log, error) {
	opened, err := wal.NewSize(nil, nil, directory, segmentBytes)
	if err != nil {
		return nil, err
	}
	l := log{opened, directory}
	if err := l.Scan(func([]byte) {}); err != nil {
		if err := l.Repair(err); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func main() { kit.Serve("prometheus/tsdb wal", "github.com/prometheus/tsdb", open) }
