// An adapter: it lets Tornproof judge your journal. Fill in what is marked TODO, from the top.
import { serve, todo } from './kit.mjs'

const NAME = 'my journal' // TODO: the name of your journal
const VERSION = '0.1'

class Journal {
  constructor(directory) {
    // Create the journal in this directory, or open and recover the one that is there.
    throw todo() // TODO
  }

  append(payload, durable) {
    // Append a record (a Buffer), and return its offset: any integer that only grows.
    // If `durable`, return when the record survives a loss of power.
    throw todo() // TODO
  }

  scan() {
    // Return or yield [offset, payload] of each record, from the oldest on.
    throw todo() // TODO
  }

  close() {
    // Make everything durable that was appended, and close the journal.
    throw todo() // TODO
  }
}

await serve(NAME, VERSION, (directory) => new Journal(directory))
