"""
The disk: what a crash may leave behind.

In the order in which to read them:

- `trace`, `trace_file`, `legality`: what was asked of the disk and promised, as a file, and what
  of it can have happened
- `names`: where a path leads, as a running system sees it
- `filesystem`, `faults`: a filesystem in memory that records a trace and can fail
- `shared_disk`: such a disk as another process sees it while a writer works
- `sparse`, `digests`: the content of a file by its sectors, and what tells trees apart
- `versions`: what a disk holds, in pieces, and the versions of each
- `page_cache`: what a running system sees of them while a trace goes by
- `pending_versions`, `spared_zeros`, `registers`: what of them is pending, and what is durable
- `crash_models`, `implications`, `measurements`: which combinations of versions a crash may leave,
  as one table, and what it was held against
- `images`, `telling_versions`: count them, list them, sample them
- `image_builder`, `image_digests`: build them, and tell them apart without building
- `image_sets`: sets of them that need not be told apart
"""
