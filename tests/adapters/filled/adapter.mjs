// A journal in one file: the length, a checksum and the bytes of each record.
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { serve, syncDirectory } from './kit.mjs'

// The length is covered too, so that no run of zeros is a record.
function checksum(payload) {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(payload.length)
  return crypto.createHash('sha256').update(size).update(payload).digest().subarray(0, 4)
}

class Journal {
  constructor(directory) {
    this.file = fs.openSync(path.join(directory, 'log'), fs.constants.O_RDWR | fs.constants.O_CREAT)
    this.end = 0
    for (const [offset, payload] of this.scan()) this.end = offset + 8 + payload.length
    fs.ftruncateSync(this.file, this.end)
    fs.fsyncSync(this.file)
    syncDirectory(directory)
  }

  append(payload, durable) {
    const frame = Buffer.alloc(8 + payload.length)
    frame.writeUInt32LE(payload.length)
    checksum(payload).copy(frame, 4)
    payload.copy(frame, 8)
    const offset = this.end
    for (let done = 0; done < frame.length; ) {
      done += fs.writeSync(this.file, frame, done, frame.length - done, offset + done)
    }
    if (durable) fs.fsyncSync(this.file)
    this.end = offset + frame.length
    return offset
  }

  * scan() {
    const size = fs.fstatSync(this.file).size
    for (let at = 0; at + 8 <= size; ) {
      const head = this.read(at, 8)
      const length = head.readUInt32LE()
      if (at + 8 + length > size) return
      const payload = this.read(at + 8, length)
      if (!checksum(payload).equals(head.subarray(4))) return
      yield [at, payload]
      at += 8 + length
    }
  }

  read(at, size) {
    const found = Buffer.alloc(size)
    for (let done = 0; done < size; ) {
      const count = fs.readSync(this.file, found, done, size - done, at + done)
      if (count === 0) break
      done += count
    }
    return found
  }

  close() {
    try {
      fs.fsyncSync(this.file)
    } finally {
      fs.closeSync(this.file)
    }
  }
}

await serve('one file', '1', (directory) => new Journal(directory))
