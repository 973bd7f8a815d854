"""
Power loss, for implementations in other processes.

The workload runs once, recorded; the crashes are made from the recording, by the same
disk model and the same explorer as in this process.  What differs is only who recovers:
the images lie in directories, and the adapter opens them.

- `recorded`: an adapter whose disk sees what is done to it
- `resident`: a process that recovers thousands of images, one after the other
- `subject`: the two together, as a subject for explorer, shrinker and barriers
- `injected`: system calls that fail
- `cases`: what takes such an adapter to be repeated
"""
