package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// river on SQLite: the effect is a row in the transaction that completes the job (JobCompleteTx).
type riv struct {
	db      *sql.DB
	c       *river.Client[*sql.Tx]
	started bool
	held    rheld
	entered chan rheld
	done    chan struct{}
}

// rheld is a job that has come to the handler: River may give it before anybody has asked for one.
type rheld struct {
	job     string
	id      int64
	attempt int
	since   time.Time
}
type rargs struct {
	Job string `json:"job"`
}

func (rargs) Kind() string { return "handle" }

type rwork struct {
	river.WorkerDefaults[rargs]
	r *riv
}

func (w *rwork) Work(ctx context.Context, job *river.Job[rargs]) error {
	defer func() { w.r.done <- struct{}{} }()
	w.r.entered <- rheld{job.Args.Job, job.ID, job.Attempt, time.Now()}
	if <-verdict != "ok" {
		return errors.New("told to fail")
	}
	ctx = context.WithoutCancel(ctx) // the lease is short here, and this handler is slow on purpose
	tx, err := w.r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err = tx.Exec("insert into effects values (?)", job.Args.Job); err != nil {
		return err
	}
	if _, err = river.JobCompleteTx[*riversqlite.Driver](ctx, tx, job); err != nil {
		return err
	}
	return tx.Commit()
}

type soon struct{}

func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }

func (r *riv) claims() []string {
	return []string{"core", "at-least-once", "exactly-once", "exclusive", "fenced", "leases", "settled", "retries", "reasons", "poison"}
}
func (r *riv) effects() string { return "txn" }
func (r *riv) open(a args) error {
	r.entered, r.done = make(chan rheld), make(chan struct{}, 1)
	r.db = database(a.Dir)
	d := riversqlite.New(r.db)
	m, err := rivermigrate.New(d, nil)
	if err != nil {
		return err
	}
	if _, err = m.Migrate(context.Background(), rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	r.db.Exec("create table if not exists effects (job text)")
	ws := river.NewWorkers()
	river.AddWorker(ws, &rwork{r: r})
	r.c, err = river.NewClient(d, &river.Config{Queues: map[string]river.QueueConfig{"default": {MaxWorkers: 1}}, Workers: ws, MaxAttempts: a.Max, ID: a.Worker,
		JobTimeout: time.Duration(a.LeaseMs-100) * time.Millisecond, RescueStuckJobsAfter: time.Duration(a.LeaseMs) * time.Millisecond, RetryPolicy: soon{},
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: 50 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return err
}
func (r *riv) enqueue(job string) error {
	_, err := r.c.Insert(context.Background(), rargs{job}, nil)
	return err
}
func (r *riv) take(seconds float64) (any, error) {
	if !r.started {
		r.started = true
		if err := r.c.Start(context.Background()); err != nil {
			return nil, err
		}
	}
	select {
	case r.held = <-r.entered:
		return ok{"job": r.held.job, "age_ms": time.Since(r.held.since).Milliseconds()}, nil
	case <-time.After(time.Duration((seconds + 0.3) * float64(time.Second))):
		return nil, nil
	}
}
func (r *riv) finish(how string) error {
	verdict <- how
	<-r.done
	for range 150 {
		time.Sleep(20 * time.Millisecond)
		var n int
		if r.db.QueryRow("select count(*) from river_job where state = 'running' and id = ? and attempt = ?", r.held.id, r.held.attempt).Scan(&n) == nil && n == 0 {
			return nil
		}
	}
	return errors.New("not settled")
}
func (r *riv) tend() error { return nil }
func (r *riv) state() (any, error) {
	dead := []any{}
	for _, j := range jobs(r.db, "select json_extract(args, '$.job') from river_job where state = 'discarded'") {
		dead = append(dead, ok{"job": j, "reason": "errors are kept"})
	}
	return ok{"pending": jobs(r.db, "select json_extract(args, '$.job') from river_job where state in ('available', 'retryable', 'scheduled')"),
		"running": jobs(r.db, "select json_extract(args, '$.job') from river_job where state = 'running'"), "dead": dead}, nil
}
func (r *riv) did() (any, error) { return ok{"jobs": jobs(r.db, "select job from effects")}, nil }
