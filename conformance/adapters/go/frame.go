package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"

	"lukechampine.com/blake3"
)

// One record on disk: length, CRC32C, BLAKE3, payload (the chapter "Frame").

const (
	headerBytes  = 40
	maxPayload   = 16 << 20 // unless configured (FRM-8)
	blockBytes   = 64 << 10
	anyPayload   = 1<<32 - 1
	hashBytes    = 32
	lengthBytes  = 4
	hashPosition = 8
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
	frame := make([]byte, headerBytes, headerBytes+len(payload))
	hash := blake3.Sum256(payload)
	binary.LittleEndian.PutUint32(frame, uint32(len(payload)))
	copy(frame[hashPosition:], hash[:])
	sum := crc32.Update(crcOfHeader(frame), castagnoli, payload)
	binary.LittleEndian.PutUint32(frame[lengthBytes:], sum)
	return append(frame, payload...)
}

// crcOfHeader begins the CRC, which covers the length and the hash, then the
// payload (FRM-2).
func crcOfHeader(header []byte) uint32 {
	sum := crc32.Checksum(header[:lengthBytes], castagnoli)
	return crc32.Update(sum, castagnoli, header[hashPosition:headerBytes])
}

// checkFrame checks the frame at a byte of a file that ends at byte end, and
// returns the length of its payload.
//
// The payload goes to kept, if there is one; otherwise one block of it is in
// memory at a time (REC-9).  Nothing is allocated before the length has been
// found possible (FRM-5).  A disk that cannot be read is an error, never damage
// (REC-11).
func checkFrame(file *os.File, at, end int64, maximum uint32, kept *bytes.Buffer) (int64, damage, error) {
	// measure
	if end-at < headerBytes {
		return 0, headerCut, nil
	}
	var header [headerBytes]byte
	if _, err := file.ReadAt(header[:], at); err != nil {
		return 0, sound, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	size := int64(length)
	if length > maximum {
		return 0, lengthAboveMaximum, nil
	}
	if size > end-at-headerBytes {
		return 0, payloadCut, nil
	}

	// read, a block at a time
	hash := blake3.New(hashBytes, nil)
	sum := crcOfHeader(header[:])
	block := make([]byte, min(size, blockBytes))
	for done := int64(0); done < size; done += int64(len(block)) {
		block = block[:min(size-done, blockBytes)]
		if _, err := file.ReadAt(block, at+headerBytes+done); err != nil {
			return 0, sound, err
		}
		sum = crc32.Update(sum, castagnoli, block)
		hash.Write(block)
		if kept != nil {
			kept.Write(block)
		}
	}

	// check: a wrong CRC is a disk's doing, a wrong hash alone a program's (FRM-4)
	if sum != binary.LittleEndian.Uint32(header[lengthBytes:]) {
		return 0, crcMismatch, nil
	}
	if !bytes.Equal(hash.Sum(nil), header[hashPosition:]) {
		return 0, hashMismatch, nil
	}
	return size, sound, nil
}
