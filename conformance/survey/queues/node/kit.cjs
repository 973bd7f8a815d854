// What the adapters of Node's queues share: the loop over JSON lines, an effect, and a gate.
"use strict";
const fs = require("fs");
const readline = require("readline");

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Do the work of a job: a line of the file `effects`, which is synced. */
const effect = (dir, job) => {
  const file = fs.openSync(`${dir}/effects`, "a");
  fs.writeSync(file, `${job}\n`);
  fs.fsyncSync(file);
  fs.closeSync(file);
};

/** Stands before a handler: `take` learns of a start, `finish` decides how it ends. */
class Gate {
  constructor(dir) {
    this.dir = dir;
    this.entered = [];
  }
  run(job) {
    this.entered.push([job, Date.now()]);
    return new Promise((resolve, reject) => {
      this.end = (how) => {
        if (how !== "ok") return reject(new Error("told to fail"));
        effect(this.dir, job);
        return resolve();
      };
    });
  }
  async take(seconds) {
    for (let ms = 0; ms < seconds * 1000 + 300 && !this.entered.length; ms += 20) await sleep(20);
    const [job, since] = this.entered.shift() || [null, 0];
    this.held = job;
    return job ? { job, age_ms: Date.now() - since } : { job };
  }
  /**
   * Let the handler end, and wait until `isSettled` says that the library has seen to it.
   * A handler that has been entered again shows that as well: there is one at a time.
   */
  async finish(how, isSettled) {
    this.end(how);
    for (let ms = 0; ms < 5000; ms += 20) {
      if (this.entered.length || (await isSettled(this.held))) return;
      await sleep(20);
    }
    throw new Error("not settled within 5 s");
  }
}

/** Open something that a server is needed for, which may still be starting. */
const patiently = async (open) => {
  for (let tries = 0; ; tries += 1) {
    try {
      return await open();
    } catch (error) {
      if (tries > 80) throw error;
      await sleep(100);
    }
  }
};

/** Answer requests, one after the other. What the command line adds is claimed as well. */
const serve = (name, claims, words, operations) => {
  const version = JSON.parse(fs.readFileSync(`${__dirname}/node_modules/${name}/package.json`)).version;
  const hello = () => ({
    protocol: 1,
    implementation: { name, version, language: "JavaScript" },
    claims: [...claims.split(" "), ...process.argv.slice(2)].map((each) => `queue/${each}`),
    queue: { effects: "file", ...words },
  });
  const all = { hello, ...operations };
  let chain = Promise.resolve();
  const answer = async (line) => {
    const { id, op, args } = JSON.parse(line);
    const word = op.replace("queue.", "");
    let reply;
    if (op === "bye") reply = { id, ok: {} };
    else if (!all[word]) reply = { id, unsupported: op };
    else {
      try {
        reply = { id, ok: (await all[word](args)) || {} };
      } catch (error) {
        console.error(error);
        const code = error.isRefusal ? "conflict" : "io";
        reply = { id, error: { code, message: String(error), definite: Boolean(error.isRefusal) } };
      }
    }
    fs.writeSync(1, `${JSON.stringify(reply)}\n`);
    if (op === "bye") process.exit(0);
  };
  readline
    .createInterface({ input: process.stdin })
    .on("line", (line) => (chain = chain.then(() => answer(line))))
    .on("close", () => chain.then(() => process.exit(0)));
};

const server = (which) => [`${__dirname}/../servers/${which}.sh`];

module.exports = { Gate, effect, patiently, serve, server };
