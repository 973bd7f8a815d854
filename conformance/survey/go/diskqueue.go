// nsqio/go-diskqueue: one message is one record.  Reading consumes, so a scan drains a copy.
package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"time"

	diskqueue "github.com/nsqio/go-diskqueue"

	"tornproof/survey/kit"
)

var sentinel = []byte("tornproof: the end of the queue")

type log struct {
	diskqueue.Interface
	dir  string
	busy bool // something was put since it was opened, and may not be synced yet
}

func queue(dir string) diskqueue.Interface {
	quiet := func(diskqueue.LogLevel, string, ...interface{}) {}
	return diskqueue.New("q", dir, 64<<10, 0, 1<<20, 1, time.Hour, quiet) // syncs every message
}

// Put answers before the sync; from v1.1.0 on Depth is answered after it.
func (l *log) Append(payload []byte) error {
	l.busy = true
	err := l.Put(payload)
	l.Depth()
	return err
}

func (l *log) Scan(visit func([]byte)) error {
	if l.busy {
		if err := l.Interface.Close(); err != nil {
			return err
		}
		l.Interface, l.busy = queue(l.dir), false
	}
	scratch, err := os.MkdirTemp("", "drain")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	names, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(l.dir, name.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(scratch, name.Name()), content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	drained := queue(scratch)
	defer drained.Close()
	if err := drained.Put(sentinel); err != nil {
		return err
	}
	for {
		select {
		case payload := <-drained.ReadChan():
			if bytes.Equal(payload, sentinel) {
				return nil
			}
			visit(payload)
		case <-time.After(8 * time.Second):
			return errors.New("the queue does not come to its end")
		}
	}
}

func open(dir string) (kit.Log, error) { return &log{queue(dir), dir, false}, nil }

func main() { kit.Serve("nsqio/go-diskqueue", "github.com/nsqio/go-diskqueue", open) }
