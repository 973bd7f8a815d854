package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"time"

	"maragu.dev/goqite"
)

// goqite: a message is received, invisible until its timeout, and deleted. With tx, the effect is a row
// written in the transaction that deletes it (DeleteTx).
type goq struct {
	tx  bool
	dir string
	db  *sql.DB
	q   *goqite.Queue
	m   *goqite.Message
}

func (g *goq) claims() []string {
	c := []string{"core", "at-least-once", "exclusive", "leases", "settled", "poison", "retries"}
	if g.tx {
		c = append(c, "exactly-once")
	}
	return c
}
func (g *goq) effects() string {
	if g.tx {
		return "txn"
	}
	return "file"
}
func (g *goq) open(a args) error {
	g.dir, g.db = a.Dir, database(a.Dir)
	program, err := os.Executable()
	if err != nil {
		return err
	}
	schema, err := os.ReadFile(filepath.Dir(program) + "/goqite.sql") // the module's own, which the Makefile puts there
	if err != nil {
		return err
	}
	g.db.Exec(string(schema)) // it fails where it is there already
	g.db.Exec("create table if not exists effects (job text)")
	g.q = goqite.New(goqite.NewOpts{DB: g.db, Name: "q", MaxReceive: a.Max, Timeout: time.Duration(a.LeaseMs) * time.Millisecond})
	return nil
}
func (g *goq) enqueue(job string) error {
	return g.q.Send(context.Background(), goqite.Message{Body: []byte(job)})
}
func (g *goq) take(float64) (any, error) {
	m, err := g.q.Receive(context.Background())
	if g.m = m; m == nil {
		return nil, err
	}
	return string(m.Body), err
}
func (g *goq) finish(how string) error {
	if how != "ok" {
		return g.q.Extend(context.Background(), g.m.ID, 0) // visible again at once
	}
	if !g.tx {
		effect(g.dir, string(g.m.Body))
		return g.q.Delete(context.Background(), g.m.ID)
	}
	t, err := g.db.Begin()
	if err != nil {
		return err
	}
	defer t.Rollback()
	t.Exec("insert into effects values (?)", string(g.m.Body))
	if err := g.q.DeleteTx(context.Background(), t, g.m.ID); err != nil {
		return err
	}
	return t.Commit()
}
func (g *goq) tend() error { return nil }
func (g *goq) state() (any, error) {
	return ok{"pending": jobs(g.db, "select cast(body as text) from goqite"), "running": []any{}, "dead": []any{}}, nil
}
func (g *goq) did() (any, error) { return ok{"jobs": jobs(g.db, "select job from effects")}, nil }
