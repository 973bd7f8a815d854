// joncrlsn/dque in its safe mode: one item is one record.  Reading consumes, so a scan drains a copy.
package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/joncrlsn/dque"

	"tornproof/survey/kit"
)

type item struct{ Payload []byte }

type log struct {
	*dque.DQue
	dir string
}

func queue(dir string) (*dque.DQue, error) {
	return dque.NewOrOpen("q", dir, 4, func() interface{} { return &item{} })
}

func (l log) Append(payload []byte) error { return l.Enqueue(&item{payload}) }

func (l log) Scan(visit func([]byte)) error {
	scratch, err := os.MkdirTemp("", "drain")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := os.CopyFS(filepath.Join(scratch, "q"), os.DirFS(filepath.Join(l.dir, "q"))); err != nil {
		return err
	}
	drained, err := queue(scratch)
	if err != nil {
		return err
	}
	defer drained.Close()
	for {
		found, err := drained.Dequeue()
		if errors.Is(err, dque.ErrEmpty) {
			return nil
		}
		if err != nil {
			return err
		}
		visit(found.(*item).Payload)
	}
}

func open(dir string) (kit.Log, error) {
	opened, err := queue(dir)
	return log{opened, dir}, err
}

func main() { kit.Serve("joncrlsn/dque", "github.com/joncrlsn/dque", open) }
