/**
 * The adapter's half of the protocol: requests in, replies out, one JSON object a line.
 *
 * Leave this file as it is, and fill in adapter.mjs. The kit keeps a second writer out, answers
 * `closed` when nothing is open, and after an append that failed answers `poisoned` until the
 * journal is opened again. Whatever you print with console.log goes to standard error.
 */
import fs from 'node:fs'
import net from 'node:net'
import readline from 'node:readline'

console.log = console.error // standard output is for replies alone

/** An error that the protocol has a code for; `definite` if nothing was changed. */
export class Refused extends Error {
  constructor(code, message = code, definite = true) {
    super(message)
    Object.assign(this, { protocolCode: code, definite })
  }
}

class Todo extends Error {}

/** What an operation throws that is not there yet. */
export const todo = () => new Todo('not there yet')

/** Make the names in a directory durable: the sync of a file does not cover its name. */
export function syncDirectory(directory) {
  const descriptor = fs.openSync(directory)
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Keep other writers out: the kernel frees an abstract socket when its process dies. */
async function lockDirectory(directory) {
  const server = net.createServer().unref()
  await new Promise((resolve, reject) => {
    server.once('error', () => reject(new Refused('locked', `another process writes to ${directory}`)))
    server.listen(`\0tornproof ${fs.realpathSync(directory)}`, resolve)
  })
  return server
}

function described(error) {
  if (error instanceof Refused) {
    return { code: error.protocolCode, definite: error.definite, message: error.message }
  }
  if (error?.errno === undefined) throw error // a defect of the adapter: its stack says where
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT'
  return { code: full ? 'no_space' : 'io', definite: false, message: error.message }
}

/**
 * Answer requests until `bye` or the end of the input.
 *
 * `open` takes a directory and returns an object with append, scan and close; each may be async.
 */
export async function serve(name, version, open) {
  let journal = null
  let lock = null
  let poisoned = false

  const opened = () => {
    if (!journal) throw new Refused('closed', 'no journal is open')
    return journal
  }
  const operations = {
    hello: () => ({
      protocol: 1,
      implementation: { name, version, language: 'JavaScript' },
      claims: ['journal/core'],
    }),
    'journal.open': async ({ dir }) => {
      if (journal) throw new Refused('locked', 'a journal is open in this process')
      const held = await lockDirectory(dir)
      try {
        journal = await open(dir)
      } finally {
        if (!journal) held.close()
      }
      lock = held
      poisoned = false
      return { discarded_bytes: 0 }
    },
    'journal.append': async ({ payload, durable = true }) => {
      const log = opened()
      if (poisoned) throw new Refused('poisoned', 'an append has failed: open the journal again')
      try {
        return { offset: await log.append(Buffer.from(payload, 'base64'), durable) }
      } catch (error) {
        poisoned = error?.errno !== undefined
        throw error
      }
    },
    'journal.scan': async () => {
      const records = []
      for await (const [offset, payload] of await opened().scan()) {
        records.push({ offset, payload: Buffer.from(payload).toString('base64') })
      }
      return { records, end: 'clean' }
    },
    'journal.close': async () => {
      const [closing, held] = [journal, lock]
      journal = lock = null
      try {
        if (closing) await closing.close()
      } finally {
        held?.close()
      }
      return {}
    },
    bye: () => ({}),
  }

  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { id, op, args } = JSON.parse(line)
    let reply = { unsupported: op }
    try {
      if (Object.hasOwn(operations, op)) reply = { ok: await operations[op](args) }
    } catch (error) {
      if (!(error instanceof Todo)) reply = { error: described(error) }
    }
    process.stdout.write(`${JSON.stringify({ id, ...reply })}\n`)
    if (op === 'bye') break
  }
  process.exit(0)
}
