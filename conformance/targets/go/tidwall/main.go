// tidwall/wal with its default options: one entry is one record.
package main

import (
	"github.com/tidwall/wal"

	"tornproof/targets/kit"
)

func open(directory string) (kit.Log, error) { return wal.Open(directory, nil) }

func main() { kit.Serve("tidwall/wal", "github.com/tidwall/wal", open) }
