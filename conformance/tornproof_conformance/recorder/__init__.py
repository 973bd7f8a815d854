"""
Record the file operations of a process as a trace.

A process in another language cannot be given a simulated disk.  It can be watched: every
system call that touches a file is stopped at, stores through memory mappings are found, and
what comes of it is the same kind of trace that a simulated disk records.  From there on
nothing knows which of the two it was.  Watching takes no privileges, no kernel module and no
change to the program.

- `recorders`: which recorder follows a process, and recording a whole run
- `ptrace`: the recorder, which also lets chosen calls fail
- `observations`: what either recorder notes, in the order in which it took effect
- `tree`: the names and files below one directory, and what happened to them
- `marks`: what was asked and answered, where the process speaks the adapter protocol
- `result`: the recording of a whole run, checked against what the run has left

Where ptrace does not serve, `strace` does, and the two are compared in the tests:

- `strace`: running a command under strace, and reading its log while it grows
- `lines`, `arguments`, `kinds`: the text that strace writes, as calls with their values
- `processes`: who has which file open, over dup, fork, threads and exec
- `recording`: all of that while the calls go by
- `opening`, `writing`, `naming`, `syncing`, `memory`: what each call does, as tables

What cannot be told, such as what passes through an io_uring, is named as *untraceable*; no
verdict rests on a trace with a gap in it.  And every recording is checked: replayed from its
beginning it must give the directory that the process left, byte for byte.
"""
