// Graphile Worker on PostgreSQL: a job is locked until its task ends; a lock is freed after four hours.
"use strict";
const { makeWorkerUtils, run } = require("graphile-worker");
const { Gate, patiently, serve, server } = require("./kit.cjs");
const { Pool } = require("pg");

let gate, pool, utils, runner, attempts, id;
const jobs = async (where) =>
  (await pool.query(`SELECT payload->>'job' AS job, last_error FROM graphile_worker._private_jobs WHERE ${where} ORDER BY id`)).rows;
const names = async (where) => (await jobs(where)).map((each) => each.job);

// docs, "exponential backoff" and forceUnlockWorkers: an operator says which workers have died
const claims = "core at-least-once exclusive leases-tended settled retries reasons";
serve("graphile-worker", claims, { takes_ahead: true, server: server("postgresql"), lease_ms: 1000 }, {
  open: async (args) => {
    gate = new Gate(args.dir);
    [attempts, id] = [args.max_attempts, args.worker];
    pool = new Pool({ host: args.dir, user: "postgres", database: "postgres" });
    pool.on("error", () => {});
    await patiently(async () => {
      utils = await makeWorkerUtils({ pgPool: pool, logger: quiet() });
      await utils.migrate();
    });
  },
  enqueue: ({ job }) => utils.addJob("handle", { job }, { maxAttempts: attempts }).then(() => {}),
  take: async ({ seconds }) => {
    // a retry waits for seconds by its documentation: nobody waits here
    await pool.query("UPDATE graphile_worker._private_jobs SET run_at = now() WHERE locked_at IS NULL");
    runner ||= await run({
      pgPool: pool, concurrency: 1, pollInterval: 50, noHandleSignals: true, logger: quiet(),
      taskList: { handle: ({ job }) => gate.run(job) },
    });
    return gate.take(seconds);
  },
  finish: ({ how }) =>
    gate.finish(how, async (job) => !(await names("locked_at IS NOT NULL")).includes(job)),
  tend: async () => {
    const idle = "SELECT DISTINCT locked_by FROM graphile_worker._private_jobs WHERE locked_at IS NOT NULL";
    const lockers = (await pool.query(idle)).rows.map((each) => each.locked_by);
    if (!gate.held) await utils.forceUnlockWorkers(lockers);
  },
  state: async () => ({
    pending: await names("locked_at IS NULL AND attempts < max_attempts"),
    running: await names("locked_at IS NOT NULL"),
    dead: (await jobs("locked_at IS NULL AND attempts >= max_attempts")).map((each) => ({ job: each.job, reason: each.last_error })),
  }),
});

function quiet() {
  const { Logger } = require("graphile-worker");
  return new Logger(() => () => {});
}
