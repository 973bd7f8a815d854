package main

import (
	"time"

	diskqueue "github.com/nsqio/go-diskqueue"
)

// go-diskqueue, as nsqd uses it: what is read is gone, and its position is synced now and then.
type disk struct {
	dir string
	q   diskqueue.Interface
	job string
}

func (d *disk) claims() []string { return []string{"core", "at-least-once", "fifo"} }
func (d *disk) effects() string  { return "file" }
func (d *disk) open(a args) error {
	d.dir = a.Dir
	quiet := func(diskqueue.LogLevel, string, ...interface{}) {}
	d.q = diskqueue.New("q", a.Dir, 1<<20, 1, 1<<10, 2, time.Hour, quiet) // it syncs every second message
	return nil
}
func (d *disk) enqueue(job string) error { return d.q.Put([]byte(job)) }
func (d *disk) take(seconds float64) (any, error) {
	select {
	case message := <-d.q.ReadChan():
		d.job = string(message)
		return d.job, nil
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil, nil
	}
}
func (d *disk) finish(how string) error {
	if how != "ok" {
		return d.q.Put([]byte(d.job))
	}
	effect(d.dir, d.job)
	return nil
}
func (d *disk) tend() error { return nil }
func (d *disk) state() (any, error) {
	return ok{"pending": []any{}, "running": []any{}, "dead": []any{}}, nil
}
func (d *disk) did() (any, error) { return nil, nil }
