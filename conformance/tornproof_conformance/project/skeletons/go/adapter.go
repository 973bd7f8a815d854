// An adapter: it lets Tornproof judge your journal.  Fill in what is marked TODO, from the top.

package main

func main() {
	serve("my journal", "0.1", open) // TODO: the name of your journal
}

type myJournal struct{}

// open creates the journal in this directory, or opens and recovers the one that is there.
func open(directory string) (journal, error) {
	return nil, errTodo // TODO
}

// append appends a record and returns its offset: any integer that only grows.
// If durable, it returns when the record survives a loss of power.
func (j *myJournal) append(payload []byte, durable bool) (uint64, error) {
	return 0, errTodo // TODO
}

// scan calls visit for each record, from the oldest on.
func (j *myJournal) scan(visit func(offset uint64, payload []byte)) error {
	return errTodo // TODO
}

// close makes everything durable that was appended, and closes the journal.
func (j *myJournal) close() error {
	return errTodo // TODO
}
