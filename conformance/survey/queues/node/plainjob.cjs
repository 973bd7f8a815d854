// plainjob on SQLite: a job is marked as processing, and comes back after a timeout.
"use strict";
const Database = require("better-sqlite3");
const { better, defineQueue } = require("plainjob");
const { effect, serve } = require("./kit.cjs");

let dir, queue, lease;
const held = {};
const jobs = (status) =>
  new Database(`${dir}/q.db`).prepare("SELECT data, error FROM plainjob_jobs WHERE status = ?").all(status);
const names = (status) => jobs(status).map((each) => JSON.parse(each.data));

// README: "timed-out jobs are requeued"; SQLite in WAL mode, whose `synchronous` it sets
serve("plainjob", "core at-least-once exclusive leases settled reasons power", {}, {
  open: (args) => {
    dir = args.dir;
    lease = args.lease_ms;
    const logger = { error() {}, warn() {}, info() {}, debug() {} };
    const connection = better(new Database(`${dir}/q.db`));
    queue = defineQueue({ connection, timeout: lease, maintenanceInterval: lease / 3, logger });
  },
  enqueue: ({ job }) => void queue.add("t", job),
  take: ({ worker }) => {
    const found = queue.getAndMarkJobAsProcessing("t");
    held[worker] = found && queue.getJobById(found.id);
    return { job: found ? JSON.parse(held[worker].data) : null };
  },
  finish: ({ worker, how }) => {
    const job = held[worker];
    if (how !== "ok") return void queue.markJobAsFailed(job.id, "told to fail");
    effect(dir, JSON.parse(job.data));
    queue.markJobAsDone(job.id);
  },
  state: () => ({
    pending: names(0),
    running: names(1),
    dead: jobs(3).map((each) => ({ job: JSON.parse(each.data), reason: each.error })),
  }),
});
