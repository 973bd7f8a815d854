#!/usr/bin/env node
/**
 * A journal of one file in plain Node, written from the chapters on the adapter
 * protocol and on writing an adapter alone.
 *
 *     tornproof check -- node conformance/adapters/node/adapter.mjs
 *
 * A record is a line: a checksum, a blank, the payload in base64, as it travels.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import fs from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What the protocol has a code for; `definite` if it certainly had no effect. */
class Refused extends Error {
  constructor(code, message, definite = true) {
    super(message);
    Object.assign(this, { code, definite });
  }
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const encode = (payload) => `${sha256(payload)} ${payload}\n`;

/** Open our file, making it if there is none: no link, pipe or device (REC-13). */
function openOwn(path) {
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const file = fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
  if (fs.fstatSync(file).isFile()) return file;
  fs.closeSync(file);
  throw new Refused("io", `${path} is no regular file: put the file itself there`);
}

/** Yield the records of a file, a block in memory at a time, up to the first that is not whole. */
function* records(path) {
  const [file, block] = [openOwn(path), Buffer.alloc(1 << 16)];
  try {
    let [offset, rest] = [0, ""];
    for (let size; (size = fs.readSync(file, block)) > 0; ) {
      const lines = (rest + block.latin1Slice(0, size)).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const payload = line.slice(65);
        if (`${line}\n` !== encode(payload)) return;
        yield { offset, payload };
        offset += line.length + 1;
      }
    }
  } finally {
    fs.closeSync(file);
  }
}

/**
 * Keep other writers out.  Node has no flock; a name among the kernel's abstract sockets
 * has one owner, too, and goes with its process, however that ends.
 */
async function lock(dir) {
  const server = createServer().unref().listen(`\0journal ${sha256(fs.realpathSync(dir))}`);
  await once(server, "listening").catch((error) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new Refused("locked", `another process writes to ${dir}`);
  });
  return server;
}

function sync(path) {
  const file = fs.openSync(path);
  fs.fsyncSync(file);
  fs.closeSync(file);
}

let journal = null; // the one that is open

function opened() {
  if (!journal) throw new Refused("closed", "no journal is open: open one first");
  return journal;
}

/** Copy what is whole to a new file, which takes the old one's place: no byte is written twice. */
function recover(dir) {
  const [path, fresh] = [join(dir, "log"), join(dir, "log.new")];
  fs.rmSync(fresh, { force: true }); // a file that was cut may show its old bytes
  const [file, end] = [fs.openSync(fresh, "ax"), 0];
  Object.assign(journal, { path, file, end, poisoned: false });
  for (const { payload } of records(path)) append(payload);
  const discarded = fs.statSync(path).size - journal.end;
  fs.fsyncSync(file);
  fs.renameSync(fresh, path);
  sync(dir);
  return discarded;
}

function append(payload) {
  const [line, offset] = [encode(payload), journal.end];
  fs.writeFileSync(journal.file, line);
  journal.end += line.length;
  return offset;
}

function letGo({ server, file }) {
  journal = null;
  if (file !== undefined) fs.closeSync(file);
  server.close();
}

const OPERATIONS = {
  hello: () => ({
    protocol: 1,
    implementation: { name: "tornproof-node", version: "0.1.0", language: "JavaScript" },
    claims: ["journal/core"],
  }),
  "journal.open": async ({ dir }) => {
    if (journal) throw new Refused("locked", "a journal is open here: close it first");
    journal = { server: await lock(dir) };
    try {
      return { discarded_bytes: recover(dir) };
    } catch (error) {
      letGo(journal);
      throw error;
    }
  },
  "journal.append": ({ payload, durable = true }) => {
    if (opened().poisoned) throw new Refused("poisoned", "an append has failed: open it again");
    journal.poisoned = true; // unless all of it succeeds
    const offset = append(payload);
    if (durable) fs.fsyncSync(journal.file);
    journal.poisoned = false;
    return { offset };
  },
  "journal.scan": () => ({ records: [...records(opened().path)], end: "clean" }),
  "journal.close": () => {
    const closing = journal;
    if (!closing) return {}; // closing twice is closing once
    try {
      if (closing.poisoned) throw new Refused("poisoned", "the last append may be lost", false);
      fs.fsyncSync(closing.file);
    } finally {
      letGo(closing);
    }
    return {};
  },
  bye: () => ({}),
};

/** The codes of the system's errors that are not simply `io`. */
const CODES = { ENOSPC: "no_space", EDQUOT: "no_space" };

async function answer(op, args) {
  if (!Object.hasOwn(OPERATIONS, op)) return { unsupported: op };
  try {
    return { ok: await OPERATIONS[op](args) };
  } catch (error) {
    if (!error.syscall && !(error instanceof Refused)) throw error; // a defect of this program
    const { definite = false, message } = error;
    const refused = error.syscall ? CODES[error.code] ?? "io" : error.code;
    return { error: { code: refused, definite, message } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, args } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify({ id, ...(await answer(op, args)) })}\n`);
  if (op === "bye") break;
}
