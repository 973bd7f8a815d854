"""
The disk: what a crash may leave behind.

In the order in which to read them:

- `trace`: what was asked of the disk, and what was promised
- `filesystem`: a filesystem in memory that records a trace and can fail
- `replay`: the same, with a trace from elsewhere going by
- `registers`: the versions of everything a disk holds, and their floors
- `profiles`: which combinations of versions a crash may leave, as one table
- `images`: count them, list them, sample them, build them
"""
