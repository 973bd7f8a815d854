package main

import (
	"os"
	"strconv"
	"syscall"

	"tornproof/adapter/journal"
)

// Faults at the statements of a transaction, for whoever tests the drainer.

var points = []string{"begin", "residence", "head", "insert", "cursor", "commit", "dead letter"}

type injected struct {
	code  int
	words string
}

func (i *injected) Error() string { return i.words }

type fault struct {
	point, action string
	from, to      int // visits, the second excluded
	visits        int
}

type plan struct {
	faults   []*fault
	siblings int
	late     error // what a commit is to report behind its back
}

func (p *plan) arm(point, action string, nth, times int) error {
	only := map[string]string{"unique_race": "insert", "commit_ambiguous": "commit"}[action]
	if only != "" && only != point {
		return journal.Refuse("invalid", "%s makes no sense at %s", action, point)
	}
	p.faults = append(p.faults, &fault{point: point, action: action, from: nth, to: nth + times})
	return nil
}

func (p *plan) visit(point string, s *sink) error {
	var err error
	for _, each := range p.faults {
		if each.point != point {
			continue
		}
		each.visits++
		if each.visits < each.from || each.visits >= each.to {
			continue
		}
		switch each.action {
		case "panic":
			panic("told to panic at " + point)
		case "die":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case "busy":
			err = &injected{5, "told to be busy at " + point}
		case "commit_ambiguous":
			p.late = &injected{10, "told to report an error of a commit that happened"}
		case "unique_race":
			err = p.race(s)
		default:
			err = &injected{1, "told to fail at " + point}
		}
	}
	return err
}

func (p *plan) after(string) error {
	err := p.late
	p.late = nil
	return err
}

// race lets another connection take the number that is about to be used.
func (p *plan) race(s *sink) error {
	if _, err := s.on.ExecContext(ctx, "ROLLBACK"); err != nil {
		return err
	}
	p.siblings++
	other, err := openSink(s.path, "", &plan{})
	if err == nil {
		defer other.close()
		name := "sibling-" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(p.siblings)
		err = other.transaction(func() error {
			return other.insert(event{id: name, agent: "sibling", timestamp: "2026", payload: []byte("sibling")})
		})
	}
	if err == nil {
		_, err = s.on.ExecContext(ctx, "BEGIN IMMEDIATE")
	}
	return err
}
