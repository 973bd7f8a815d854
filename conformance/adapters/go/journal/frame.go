package journal

import (
	"encoding/binary"
	"hash/crc32"
	"os"

	"lukechampine.com/blake3"
)

// One record on disk: length, CRC32C, BLAKE3, payload (the chapter "Frame").

const (
	headerBytes = 40
	MaxPayload  = 16 << 20 // unless configured (FRM-8)
	anyPayload  = 1<<32 - 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A damage says what is wrong with a frame; the first check that fails decides.
type damage string

const (
	sound              damage = ""
	headerCut          damage = "header cut short"
	lengthAboveMaximum damage = "length above the maximum"
	payloadCut         damage = "payload cut short"
	crcMismatch        damage = "CRC mismatch"
	hashMismatch       damage = "hash mismatch"
)

// encode makes the frame of a payload (FRM-1).
func encode(payload []byte) []byte {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	hash := blake3.Sum256(payload)
	frame := binary.LittleEndian.AppendUint32(length, crcOf(length, hash[:], payload))
	return append(append(frame, hash[:]...), payload...)
}

// crcOf covers the length and the hash, then the payload (FRM-2).
func crcOf(parts ...[]byte) (sum uint32) {
	for _, part := range parts {
		sum = crc32.Update(sum, castagnoli, part)
	}
	return sum
}

// readFrame reads the payload of the frame at a byte of a file that ends at byte
// end.  Nothing is allocated before the length has been found possible (FRM-5).  A
// disk that cannot be read is an error, never damage (REC-11).
func readFrame(file *os.File, at, end int64, maximum uint32) ([]byte, damage, error) {
	// measure
	if end-at < headerBytes {
		return nil, headerCut, nil
	}
	var header [headerBytes]byte
	if _, err := file.ReadAt(header[:], at); err != nil {
		return nil, sound, err
	}
	length, crc, hash := header[:4], header[4:8], header[8:]
	size := binary.LittleEndian.Uint32(length)
	if size > maximum {
		return nil, lengthAboveMaximum, nil
	}
	if int64(size) > end-at-headerBytes {
		return nil, payloadCut, nil
	}

	// read
	payload := make([]byte, size)
	if _, err := file.ReadAt(payload, at+headerBytes); err != nil {
		return nil, sound, err
	}

	// check: a wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4)
	if crcOf(length, hash, payload) != binary.LittleEndian.Uint32(crc) {
		return nil, crcMismatch, nil
	}
	if blake3.Sum256(payload) != [32]byte(hash) {
		return nil, hashMismatch, nil
	}
	return payload, sound, nil
}
