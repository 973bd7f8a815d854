/**
 * Puts a log that nobody here wrote behind the adapter protocol.
 *
 * An adapter says how to open the log, append, read everything back and close; requests and
 * replies, one writer at a time and the words for errors are here.
 */
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const readline = require('node:readline')

/** An error that the protocol has a code for; `definite` if it certainly had no effect. */
class Refused extends Error {
  constructor(code, message, definite = true) {
    super(message)
    Object.assign(this, { code, definite })
  }
}

let log = null // the one that is open
let lock = null

/** Keep other writers out: a name among the kernel's abstract sockets goes with its process. */
async function hold(directory) {
  const server = net.createServer().unref()
  await new Promise((resolve, reject) => {
    server.once('error', () => reject(new Refused('locked', 'another process writes here')))
    server.listen(`\0tornproof survey ${fs.realpathSync(directory)}`, resolve)
  })
  return server
}

function opened() {
  if (!log) throw new Refused('closed', 'no journal is open: open one first')
  return log
}

/** Make the log's own directory, and its name durable, which is its user's duty. */
function makePlace(directory) {
  const place = path.join(directory, 'log')
  fs.mkdirSync(place, { recursive: true })
  const parent = fs.openSync(directory)
  fs.fsyncSync(parent)
  fs.closeSync(parent)
  return place
}

async function close() {
  const [closing, held] = [log, lock]
  log = lock = null
  try {
    if (closing) await closing.close()
  } finally {
    if (held) held.close()
  }
}

const operations = (name, version, open) => ({
  hello: () => ({
    protocol: 1,
    implementation: { name, version, language: 'JavaScript' },
    claims: ['journal/core'],
    limits: { open_returns_everything: true }, // `records` has them all at once, at opening too (REC-9)
  }),
  'journal.open': async ({ dir }) => {
    if (lock) throw new Refused('locked', 'a journal is open here: close it first')
    lock = await hold(dir)
    try {
      log = await open(makePlace(dir))
      await log.records() // what cannot be read has not been recovered
    } catch (error) {
      await close().catch(() => {})
      throw error
    }
    return { discarded_bytes: 0 }
  },
  'journal.append': async ({ payload }) => ({
    offset: await opened().append(Buffer.from(payload, 'base64')),
  }),
  'journal.scan': async () => {
    const records = await opened().records()
    return {
      records: records.map(([offset, found]) => ({
        offset,
        payload: Buffer.from(found).toString('base64'),
      })),
      end: 'clean',
    }
  },
  'journal.close': async () => {
    await close()
    return {}
  },
  bye: () => ({}),
})

/** Whatever a library throws is an error like any other, and nobody knows what it has done. */
function described(op, error) {
  if (error instanceof Refused) return error
  console.error(op, error)
  const doing = op === 'journal.append' || op === 'journal.close' ? 'io' : 'corrupt'
  const code = error?.code === 'ENOSPC' ? 'no_space' : doing
  return { code, definite: false, message: String(error?.message ?? error) }
}

/** Serve a log as an adapter, until it is told to end. `open` returns append, records, close. */
exports.serve = async (name, open) => {
  const version = process.env.SURVEY_PACKAGE.split(' ')[0].split('@').pop()
  const known = operations(name, version, open)
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { id, op, args } = JSON.parse(line)
    let reply = { unsupported: op }
    try {
      if (Object.hasOwn(known, op)) reply = { ok: await known[op](args) }
    } catch (error) {
      const { code, definite, message } = described(op, error)
      reply = { error: { code, definite, message } }
    }
    process.stdout.write(`${JSON.stringify({ id, ...reply })}\n`)
    if (op === 'bye') break
  }
  process.exit(0) // threads that a library left behind do not keep the process
}
