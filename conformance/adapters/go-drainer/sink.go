package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"modernc.org/sqlite"
)

// The sink lands one event in one transaction, which also moves the spool's position (DRN-17).

var ctx = context.Background()

// connect opens a connection whose commits are durable before they return.
func connect(path string) (*sql.DB, *sql.Conn, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(250)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, nil, err
	}
	on, err := db.Conn(ctx)
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, on, nil
}

type sink struct {
	db    *sql.DB
	on    *sql.Conn
	path  string
	spool string
	plan  *plan
}

func openSink(path, spool string, plan *plan) (*sink, error) {
	db, on, err := connect(path)
	return &sink{db, on, path, spool, plan}, err
}

func (s *sink) close() { s.on.Close(); s.db.Close() }

// do carries out a statement of a transaction, unless something was told to go wrong there.
func (s *sink) do(point, statement string, values ...any) (sql.Result, error) {
	if err := s.plan.visit(point, s); err != nil {
		return nil, err
	}
	return s.on.ExecContext(ctx, statement, values...)
}

// transaction holds the write lock from its first statement (CHN-8).  A commit that fails may have
// happened: whoever tries again looks first (DRN-7).
func (s *sink) transaction(run func() error) error {
	if _, err := s.do("begin", "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := run()
	if err == nil {
		err = s.plan.visit("commit", s)
	}
	if err == nil {
		if _, err = s.on.ExecContext(ctx, "COMMIT"); err == nil {
			return s.plan.after("commit")
		}
	}
	if _, failed := s.on.ExecContext(ctx, "ROLLBACK"); failed != nil && s.inTransaction() {
		panic(fmt.Sprintf("cannot roll back: %v", failed)) // only a fresh sink is sure to have none
	}
	return err
}

func (s *sink) inTransaction() bool {
	_, err := s.on.ExecContext(ctx, "SAVEPOINT probe; RELEASE probe")
	return err != nil
}

// land puts an event into the chain, or with a reason among the dead letters, unless it is there
// already; and says whether it is in the chain now.
func (s *sink) land(e event, next uint64, reason string) (chained bool, err error) {
	err = s.transaction(func() error {
		place, err := s.residence(e)
		if err == nil && place == "" && reason == "" {
			place, err = "chain", s.insert(e)
		} else if err == nil && place == "" {
			place = "dead letters"
			_, err = s.do("dead letter", "INSERT INTO signed_events_dlq (id, agent_id, event_type, payload_hash, attest_level,"+
				" timestamp, failure_reason, failed_at, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", e.id, e.agent, eventType, e.hash(),
				unsigned, e.timestamp, reason, time.Now().UTC().Format(time.RFC3339Nano), e.payload)
		}
		if err != nil {
			return err
		}
		chained = place == "chain"
		_, err = s.do("cursor", "UPDATE signed_events_spools SET position = max(position, ?) WHERE spool_id = ?", int64(next), s.spool)
		return err
	})
	return chained, err
}

// residence says where an event is already; it is named by its id and the hash of its bytes.
func (s *sink) residence(e event) (place string, err error) {
	if err := s.plan.visit("residence", s); err != nil {
		return "", err
	}
	query := "SELECT 'chain' FROM signed_events WHERE id = ?1 AND payload_hash = ?2 UNION ALL" +
		" SELECT 'dead letters' FROM signed_events_dlq WHERE id = ?1 AND payload_hash = ?2"
	err = s.on.QueryRowContext(ctx, query, e.id, e.hash()).Scan(&place)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return place, err
}

func (s *sink) insert(e event) error {
	if err := s.plan.visit("head", s); err != nil {
		return err
	}
	sequence, before, unnumbered := int64(0), make([]byte, 32), 0
	err := s.on.QueryRowContext(ctx, "SELECT sequence, row_hash FROM signed_events ORDER BY sequence DESC LIMIT 1").Scan(&sequence, &before)
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		err = s.on.QueryRowContext(ctx, "SELECT count(*) FROM signed_events WHERE sequence IS NULL").Scan(&unnumbered)
	}
	if err == nil && unnumbered > 0 {
		err = &injected{code: 1, words: "the chain has a row without a number"}
	}
	if err != nil {
		return err
	}
	r := row{sequence: sequence + 1, prev: before, id: e.id, agent: e.agent, kind: eventType, payloadHash: e.hash(),
		attest: unsigned, timestamp: e.timestamp, payload: e.payload}
	_, err = s.do("insert", "INSERT INTO signed_events ("+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.sequence, r.prev, r.id, r.agent, r.kind, r.payloadHash, r.attest, r.timestamp, nil, nil, r.payload, r.hash())
	return err
}

// replay appends a dead letter at the head and removes it, in one transaction (DRN-15).
func (s *sink) replay(letter int64, e event) error {
	return s.transaction(func() error {
		place, err := s.residence(e)
		if err == nil && place != "chain" {
			err = s.insert(e)
		}
		if err == nil {
			_, err = s.on.ExecContext(ctx, "DELETE FROM signed_events_dlq WHERE dlq_id = ?", letter)
		}
		return err
	})
}

// A failure of the database is told by its code, never by its text (DRN-6).
type failure int

const (
	race failure = iota
	transient
	permanent
	unknown
)

const uniqueViolation = 2067 // of the index on sequence

// READONLY, PERM and so on: what every event would meet, so waiting may cure it.
var passing = []int{3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26}

func classify(err error) failure {
	var reported *sqlite.Error
	var armed *injected
	code := 0
	switch {
	case errors.As(err, &reported):
		code = reported.Code()
	case errors.As(err, &armed):
		code = armed.code
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		return unknown
	default:
		return unknown
	}
	switch {
	case code == uniqueViolation:
		return race
	case slices.Contains(passing, code&0xff):
		return transient
	}
	return permanent
}
