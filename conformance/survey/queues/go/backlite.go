package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/mikestefanello/backlite"
)

// backlite: the dispatcher is goroutines inside the library; a task is taken when its processor is entered.
type back struct {
	dir     string
	db      *sql.DB
	c       *backlite.Client
	held    string
	started bool
	cancel  context.CancelFunc
}
type task struct{ Job string }

var retries int
var entered, verdict = make(chan string), make(chan string)

func (task) Config() backlite.QueueConfig {
	return backlite.QueueConfig{Name: "q", MaxAttempts: retries, Backoff: 5 * time.Millisecond, Timeout: time.Minute, Retention: &backlite.Retention{OnlyFailed: true, Data: &backlite.RetainData{}}}
}
func (b *back) claims() []string {
	return []string{"core", "at-least-once", "exclusive", "leases", "settled", "retries", "poison"}
}
func (b *back) effects() string { return "file" }
func (b *back) open(a args) (err error) {
	b.dir, b.db, retries = a.Dir, database(a.Dir), a.Max
	b.c, err = backlite.NewClient(backlite.ClientConfig{DB: b.db, NumWorkers: 1, ReleaseAfter: time.Duration(a.LeaseMs) * time.Millisecond, CleanupInterval: time.Hour})
	if err != nil {
		return
	}
	b.c.Register(backlite.NewQueue[task](func(ctx context.Context, t task) error {
		entered <- t.Job
		if <-verdict == "ok" {
			effect(b.dir, t.Job)
			return nil
		}
		return errors.New("told to fail")
	}))
	return b.c.Install()
}
func (b *back) enqueue(job string) error { _, err := b.c.Add(task{job}).Save(); return err }
func (b *back) take(seconds float64) (any, error) {
	if !b.started {
		b.started = true
		b.c.Start(context.Background())
	} else {
		b.c.Notify() // nothing tells one process of what another has added
	}
	select {
	case j := <-entered:
		b.held = j
		return j, nil
	case <-time.After(time.Duration((seconds + 0.2) * float64(time.Second))):
		return nil, nil
	}
}
func (b *back) finish(how string) error {
	verdict <- how
	for range 100 { // nothing tells of the commit: look at the row
		time.Sleep(20 * time.Millisecond)
		var n int
		if b.db.QueryRow("select count(*) from backlite_tasks where claimed_at is not null and json_extract(task, '$.Job') = ?", b.held).Scan(&n) == nil && n == 0 {
			return nil
		}
	}
	return errors.New("not settled")
}
func (b *back) tend() error { return nil }
func (b *back) state() (any, error) {
	dead := []any{}
	for _, j := range jobs(b.db, "select json_extract(task, '$.Job') from backlite_tasks_completed where succeeded = 0") {
		dead = append(dead, ok{"job": j, "reason": "kept"})
	}
	return ok{"pending": jobs(b.db, "select json_extract(task, '$.Job') from backlite_tasks where claimed_at is null"),
		"running": jobs(b.db, "select json_extract(task, '$.Job') from backlite_tasks where claimed_at is not null"), "dead": dead}, nil
}
func (b *back) did() (any, error) { return nil, nil }
