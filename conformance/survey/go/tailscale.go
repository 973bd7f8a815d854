// tailscale.com/atomicfile: all records are one file, a JSON array, which each append replaces.
package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"tailscale.com/atomicfile"

	"tornproof/survey/kit"
)

type log struct {
	path    string
	records [][]byte
}

func (l *log) Append(payload []byte) error {
	l.records = append(l.records, payload)
	text, err := json.Marshal(l.records)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(l.path, text, 0o644)
}

func (l *log) Scan(visit func([]byte)) error {
	for _, record := range l.records {
		visit(record)
	}
	return nil
}

func (l *log) Close() error { return nil }

func open(directory string) (kit.Log, error) {
	opened := &log{path: directory + "/log.json"}
	text, err := os.ReadFile(opened.path)
	if errors.Is(err, fs.ErrNotExist) {
		return opened, nil
	}
	if err != nil {
		return nil, err
	}
	return opened, json.Unmarshal(text, &opened.records)
}

func main() { kit.Serve("tailscale.com/atomicfile", "tailscale.com", open) }
