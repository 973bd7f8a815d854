package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
)

// The chain: rows that each keep the hash of the one before (the chapter "Chain").

const (
	tag       = "tornproof/chain/row/v1"
	eventType = "governance.refusal"
	unsigned  = "unsigned"
)

const schema = `
CREATE TABLE IF NOT EXISTS signed_events (
    id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, event_type TEXT NOT NULL, payload_hash BLOB NOT NULL,
    signature BLOB, attest_level TEXT NOT NULL, timestamp TEXT NOT NULL, prev_hash BLOB, sequence INTEGER,
    payload BLOB NOT NULL, public_key BLOB, row_hash BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS signed_events_sequence ON signed_events (sequence);
CREATE TABLE IF NOT EXISTS signed_events_dlq (
    dlq_id INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, agent_id TEXT NOT NULL, event_type TEXT NOT NULL,
    payload_hash BLOB NOT NULL, signature BLOB, attest_level TEXT NOT NULL, timestamp TEXT NOT NULL,
    failure_reason TEXT NOT NULL, failed_at TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS signed_events_database (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS signed_events_spools (spool_id TEXT PRIMARY KEY, position INTEGER NOT NULL);`

// A row has its columns as SQLite hands them out, so that one of another type is seen.
type row struct {
	sequence                                                                                         any
	prev, id, agent, kind, payloadHash, attest, timestamp, publicKey, signature, payload, storedHash any
}

const columns = "sequence, prev_hash, id, agent_id, event_type, payload_hash, attest_level, timestamp, public_key, signature, payload, row_hash"

func (r *row) places() []any {
	return []any{&r.sequence, &r.prev, &r.id, &r.agent, &r.kind, &r.payloadHash, &r.attest, &r.timestamp,
		&r.publicKey, &r.signature, &r.payload, &r.storedHash}
}

// content joins the fields, each behind its length (CHN-4); ok is false where one has another type.
func (r *row) content() (joined []byte, ok bool) {
	sequence, ok := r.sequence.(int64)
	number := binary.BigEndian.AppendUint64(nil, uint64(sequence))
	fields := [][]byte{[]byte(tag), number}
	for _, text := range []any{r.id, r.agent, r.kind, r.attest, r.timestamp} {
		_, isText := text.(string)
		ok = ok && isText
	}
	for _, blob := range []any{r.prev, r.payloadHash, r.payload, r.storedHash} {
		_, isBlob := blob.([]byte)
		ok = ok && isBlob
	}
	for _, field := range []any{r.prev, r.id, r.agent, r.kind, r.payloadHash, r.attest, r.timestamp, r.publicKey} {
		fields = append(fields, asBytes(field))
	}
	for _, field := range fields {
		joined = append(binary.BigEndian.AppendUint64(joined, uint64(len(field))), field...)
	}
	return joined, ok && isBlobOrNull(r.publicKey) && isBlobOrNull(r.signature)
}

func (r *row) hash() []byte {
	content, _ := r.content()
	signature := asBytes(r.signature)
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(content, uint64(len(signature))), signature...))
	return sum[:]
}

func asBytes(value any) []byte {
	if text, ok := value.(string); ok {
		return []byte(text)
	}
	blob, _ := value.([]byte)
	return blob
}

func isBlobOrNull(value any) bool { _, isBlob := value.([]byte); return isBlob || value == nil }

type broken struct {
	Sequence any    `json:"sequence"`
	Detail   string `json:"detail"`
}

// verify walks the chain and names every break (CHN-1 to CHN-7).
func verify(ctx context.Context, on *sql.Conn, head []byte, keys [][]byte) ([]broken, error) {
	rows, err := on.QueryContext(ctx, "SELECT "+columns+" FROM signed_events ORDER BY sequence, rowid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	breaks, before, last := []broken{}, make([]byte, 32), int64(0)
	seen := len(head) == 0 || bytes.Equal(head, before)
	for rows.Next() {
		var r row
		if err := rows.Scan(r.places()...); err != nil {
			return nil, err
		}
		number, isNumber := r.sequence.(int64)
		say := func(wrong bool, format string, values ...any) {
			if wrong && isNumber {
				breaks = append(breaks, broken{number, fmt.Sprintf(format, values...)})
			} else if wrong {
				breaks = append(breaks, broken{nil, fmt.Sprintf(format, values...)})
			}
		}
		content, ok := r.content()
		hash, payload, signature := r.hash(), sha256.Sum256(asBytes(r.payload)), asBytes(r.signature)
		say(!isNumber, "a row has no number: %v", r.id)
		say(isNumber && number != last+1, "row %d follows row %d", number, last)
		say(!bytes.Equal(asBytes(r.prev), before), "row %v does not name the row before it", r.sequence)
		say(!ok, "row %v has a column of another type", r.sequence)
		say(!bytes.Equal(payload[:], asBytes(r.payloadHash)), "row %v has another payload than it names", r.sequence)
		say(!bytes.Equal(hash, asBytes(r.storedHash)), "row %v does not have the hash that it names", r.sequence)
		say((r.attest == unsigned) != (len(signature) == 0), "row %v is signed, or says so, but not both", r.sequence)
		say(len(signature) > 0 && !isSigned(content, signature, asBytes(r.publicKey), keys), "row %v has no signature of a trusted key", r.sequence)
		seen = seen || bytes.Equal(hash, head)
		before, last = asBytes(r.storedHash), number
	}
	if !seen {
		breaks = append(breaks, broken{nil, "the chain does not go through the saved head"})
	}
	return breaks, rows.Err()
}

func isSigned(content, signature, by []byte, keys [][]byte) bool {
	for _, key := range keys {
		if bytes.Equal(key, by) && len(key) == ed25519.PublicKeySize {
			return ed25519.Verify(key, content, signature)
		}
	}
	return false
}
