// A journal in one file: the length, a checksum and the bytes of each record.

package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

func main() {
	serve("one file", "1", open)
}

type oneFile struct {
	file *os.File
	end  int64
}

func open(directory string) (journal, error) {
	file, err := os.OpenFile(filepath.Join(directory, "log"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	log := &oneFile{file: file}
	if err := log.recover(directory); err != nil {
		file.Close()
		return nil, err
	}
	return log, nil
}

// recover cuts what is not whole, and makes the rest durable before it is shown.
func (log *oneFile) recover(directory string) error {
	err := log.scan(func(offset uint64, payload []byte) { log.end = int64(offset) + 8 + int64(len(payload)) })
	if err != nil {
		return err
	}
	if err := log.file.Truncate(log.end); err != nil {
		return err
	}
	if err := log.file.Sync(); err != nil {
		return err
	}
	return syncDirectory(directory)
}

func (log *oneFile) append(payload []byte, durable bool) (uint64, error) {
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	frame = binary.LittleEndian.AppendUint32(frame, checksum(frame, payload))
	if _, err := log.file.WriteAt(append(frame, payload...), log.end); err != nil {
		return 0, err
	}
	if durable {
		if err := log.file.Sync(); err != nil {
			return 0, err
		}
	}
	offset := log.end
	log.end += 8 + int64(len(payload))
	return uint64(offset), nil
}

func (log *oneFile) scan(visit func(offset uint64, payload []byte)) error {
	input := io.NewSectionReader(log.file, 0, 1<<62)
	for at := int64(0); ; {
		var head [8]byte
		if _, err := io.ReadFull(input, head[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		} else if err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(head[:])
		payload, err := io.ReadAll(io.LimitReader(input, int64(size)))
		if err != nil {
			return err
		}
		if len(payload) != int(size) || binary.LittleEndian.Uint32(head[4:]) != checksum(head[:4], payload) {
			return nil
		}
		visit(uint64(at), bytes.Clone(payload))
		at += 8 + int64(size)
	}
}

func (log *oneFile) close() error {
	if err := log.file.Sync(); err != nil {
		log.file.Close()
		return err
	}
	return log.file.Close()
}

// checksum covers the length too, so that no run of zeros is a record.
func checksum(head, payload []byte) uint32 {
	return ^crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, payload)
}
