package main

import (
	"errors"

	"github.com/joncrlsn/dque"
)

// dque in its safe mode: a consumer looks at the first item, and removes it when its work is done.
type deq struct {
	dir string
	q   *dque.DQue
	job string
}
type item struct{ Job string }

func (d *deq) claims() []string {
	return []string{"core", "at-least-once", "leases", "settled", "fifo", "power"}
}
func (d *deq) effects() string { return "file" }
func (d *deq) open(a args) (err error) {
	d.dir = a.Dir
	d.q, err = dque.NewOrOpen("q", a.Dir, 4, func() interface{} { return &item{} })
	return
}
func (d *deq) enqueue(job string) error { return d.q.Enqueue(&item{job}) }
func (d *deq) take(float64) (any, error) {
	found, err := d.q.Peek()
	if errors.Is(err, dque.ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d.job = found.(*item).Job
	return d.job, nil
}
func (d *deq) finish(how string) error {
	if how != "ok" {
		return nil // it stays the first
	}
	effect(d.dir, d.job)
	_, err := d.q.Dequeue()
	return err
}
func (d *deq) tend() error { return nil }
func (d *deq) state() (any, error) {
	return ok{"pending": []any{}, "running": []any{}, "dead": []any{}}, nil
}
func (d *deq) did() (any, error) { return nil, nil }
