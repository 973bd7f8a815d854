"""
The disk: what a crash may leave behind.

In the order in which to read them:

- `trace`, `trace_file`, `possible`: what was asked of the disk and promised, as a file, and what
  of it can have happened
- `names`: where a path leads, as a running system sees it
- `filesystem`, `faults`: a filesystem in memory that records a trace and can fail
- `replay`: the same, with a trace from elsewhere going by
- `versions`: what a disk holds, in pieces, and the versions of each
- `live`: what a running system sees of them while a trace goes by
- `registers`: what of them is durable, and what is pending
- `crash_models`: which combinations of versions a crash may leave, as one table
- `images`: count them, list them, sample them
- `building`, `enumerating`: build them, and tell them apart without building
- `parts`: sets of them that need not be told apart
"""
