// tidwall/buntdb with SyncPolicy Always: one key is one record.
package main

import (
	"fmt"
	"path/filepath"

	"github.com/tidwall/buntdb"

	"tornproof/survey/kit"
)

type log struct {
	*buntdb.DB
	next int
}

func (l *log) Append(payload []byte) error {
	key := fmt.Sprintf("%012d", l.next)
	l.next++
	return l.Update(func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(key, string(payload), nil)
		return err
	})
}

func (l *log) Scan(visit func([]byte)) error {
	return l.View(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(_, value string) bool { visit([]byte(value)); return true })
	})
}

func open(dir string) (kit.Log, error) {
	db, err := buntdb.Open(filepath.Join(dir, "data.db"))
	if err != nil {
		return nil, err
	}
	var config buntdb.Config
	if err := db.ReadConfig(&config); err != nil {
		return nil, err
	}
	config.SyncPolicy = buntdb.Always
	if err := db.SetConfig(config); err != nil {
		return nil, err
	}
	l := &log{db, 0}
	return l, l.Scan(func([]byte) { l.next++ })
}

func main() { kit.Serve("tidwall/buntdb", "github.com/tidwall/buntdb", open) }
