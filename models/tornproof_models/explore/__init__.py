"""
The explorer: run a workload, crash it everywhere, recover every image, judge.

- `workload`: programs, and what runs them
- `explorer`: all images of a trace, each distinct one recovered once

Of readers, cursors and cleanup:

- `consumers`: programs in which cursors move and the writer cleans up
- `mortal`: a process that dies in the middle of what it is doing
- `cleanup`: crash those programs everywhere
- `facts`, `following`: a reader beside a writer, one disk operation at a time
- `showing`: take away the power after a reader has shown something
"""
