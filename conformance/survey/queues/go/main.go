// Queues of Go behind the adapter protocol; the first argument chooses one. Others are claims to add.
package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"

	_ "modernc.org/sqlite"
)

type args struct {
	Dir, Job, How, Worker string
	LeaseMs               int     `json:"lease_ms"`
	Max                   int     `json:"max_attempts"`
	Seconds               float64 `json:"seconds"`
}
type queue interface {
	claims() []string
	effects() string
	open(a args) error
	enqueue(job string) error
	take(seconds float64) (any, error)
	finish(how string) error
	tend() error
	state() (any, error)
	did() (any, error)
}
type ok map[string]any

func effect(dir, job string) {
	f, err := os.OpenFile(dir+"/effects", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		panic(err)
	}
	f.WriteString(job + "\n")
	f.Sync()
	f.Close()
}

func database(dir string) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+dir+"/q.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func jobs(db *sql.DB, q string) []string {
	out := []string{}
	rows, err := db.Query(q)
	if err != nil {
		return out
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		rows.Scan(&s)
		out = append(out, s)
	}
	return out
}

func main() {
	q := map[string]func() queue{"goqite": func() queue { return &goq{} }, "goqite-tx": func() queue { return &goq{tx: true} }, "backlite": func() queue { return &back{} }, "river": func() queue { return &riv{} }, "dque": func() queue { return &deq{} }, "diskqueue": func() queue { return &disk{} }}[os.Args[1]]()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var r struct {
			ID   int    `json:"id"`
			Op   string `json:"op"`
			Args args   `json:"args"`
		}
		json.Unmarshal(in.Bytes(), &r)
		var v any = ok{}
		var err error
		switch r.Op {
		case "hello":
			claims := []string{}
			for _, c := range append(q.claims(), os.Args[2:]...) {
				claims = append(claims, "queue/"+c)
			}
			queue := ok{"effects": q.effects()}
			if os.Args[1] == "river" {
				queue["takes_ahead"] = true
				queue["lease_ms"], queue["quiet_rounds"] = 5000, 10 // its rescuer looks every 30 s, once it is elected
			}
			if os.Args[1] == "dque" || os.Args[1] == "diskqueue" {
				queue["workers"] = "single" // a lock keeps others out, or the documentation does
			}
			v = ok{"protocol": 1, "implementation": ok{"name": os.Args[1], "language": "Go"}, "claims": claims, "queue": queue}
		case "queue.open":
			err = q.open(r.Args)
		case "queue.enqueue":
			err = q.enqueue(r.Args.Job)
		case "queue.take":
			v, err = q.take(r.Args.Seconds)
			if _, hasAge := v.(ok); !hasAge {
				v = ok{"job": v}
			}
		case "queue.finish":
			err = q.finish(r.Args.How)
		case "queue.tend":
			err = q.tend()
		case "queue.state":
			v, err = q.state()
		case "queue.effects":
			v, err = q.did()
		case "bye":
			fmt.Printf("{\"id\": %d, \"ok\": {}}\n", r.ID)
			os.Exit(0)
		default:
			fmt.Printf("{\"id\": %d, \"unsupported\": %q}\n", r.ID, r.Op)
			continue
		}
		m := ok{"id": r.ID, "ok": v}
		if err != nil {
			m = ok{"id": r.ID, "error": ok{"code": "io", "message": err.Error()}}
		}
		b, _ := json.Marshal(m)
		fmt.Println(string(b))
	}
	os.Exit(0)
}
