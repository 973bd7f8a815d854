"""
A workload and a check: any program, judged without an adapter.

The workload is a command that does something.  It runs once, recorded, in a directory of its
own; each whole line that it prints is a promise.  What a crash could leave at every point is laid
out at the same path, and *checks* look whether all is well.

- `recorded_workload`: one run under the recorder, and what its directory holds besides bytes
- `laid_out`: an image as files, with links, modes and owners
- `asking`: commands that look at an image, with everything that they start
- `resident_checks`: checks that stay, one line in and one line out
- `places`: where images are laid out, several at the same path at the same time
- `workload_subject`: all of it as a subject of the runner
- `controls`: the check is tried where its verdict is known
"""
