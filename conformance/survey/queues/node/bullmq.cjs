// BullMQ on Redis: the library calls the handler, and renews its lock while it runs.
"use strict";
const { Queue, Worker } = require("bullmq");
const { Gate, patiently, serve, server } = require("./kit.cjs");

let gate, queue, worker, lease, attempts, connection;
const named = async (...states) => (await queue.getJobs(states)).filter(Boolean);

// docs, "stalled jobs" and "retrying failing jobs"
const claims = "core at-least-once exclusive fenced leases settled retries reasons poison";
serve("bullmq", claims, { takes_ahead: true, server: server("redis"), quiet_rounds: 3 }, {
  open: async (args) => {
    gate = new Gate(args.dir);
    [lease, attempts] = [args.lease_ms, args.max_attempts];
    connection = { path: `${args.dir}/socket`, maxRetriesPerRequest: null, retryStrategy: () => 50 };
    queue = new Queue("q", { connection });
    queue.on("error", () => {});
    await queue.waitUntilReady();
  },
  enqueue: ({ job }) => queue.add("t", { job }, { attempts }).then(() => {}),
  take: async ({ seconds }) => {
    if (!worker) {
      // a job that stalls more than maxStalledCount times fails; the default is once
      const options = { connection, lockDuration: lease, stalledInterval: lease, drainDelay: 1, maxStalledCount: attempts - 1 };
      worker = new Worker("q", (job) => gate.run(job.data.job), options);
      worker.on("error", () => {});
      await worker.waitUntilReady();
    }
    return gate.take(seconds);
  },
  finish: ({ how }) =>
    gate.finish(how, async (job) => !(await named("active")).some((each) => each.data.job === job)),
  state: async () => ({
    pending: (await named("wait", "delayed", "prioritized")).map((each) => each.data.job),
    running: (await named("active")).map((each) => each.data.job),
    dead: (await named("failed")).map((each) => ({ job: each.data.job, reason: each.failedReason })),
  }),
});
