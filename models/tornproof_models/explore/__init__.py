"""
The explorer: run a workload, crash it everywhere, recover every image, judge.

- `program`: short lists of steps
- `target`: what the judge asks of a journal
- `workload`: what runs the one with the other
- `recovering`: what a recovery does with a disk, seen from outside
- `explorer`: all images of a trace, each distinct one recovered once
- `watching`, `questions`, `doubts`: by what recovery looks at, and what is not known then
- `built`: or one by one, each built as a whole
- `observing`, `findings`: who is told, and what comes out

Of readers, cursors and cleanup:

- `consumers`: programs in which cursors move and the writer cleans up
- `mortal`: a process that dies in the middle of what it is doing
- `cleanup`: crash those programs everywhere
- `facts`, `following`: a reader beside a writer, one disk operation at a time
- `showing`: take away the power after a reader has shown something

Of deferred queues:

- `delivery_program`, `deliveries`: programs for a queue, and what takes one through it
- `hunting`: every small thing that may go wrong, in every small situation
- `schedules`: all schedules, not some

Of what comes out:

- `shrink`, `simpler`: the smallest story that still ends badly
- `barriers`: which syncs of a program carry weight
- `certificate`: a verdict that somebody else can check
- `check_certificate`, `plain_crash`, `plain_disk`: who checks it, and shares nothing with the rest
- `campaign`, `archive`, `engine`: every program up to a length, in shards, wherever there is room
"""
