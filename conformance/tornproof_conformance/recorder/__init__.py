"""
What a process does to its files, as a trace.

A process in another language cannot be given a simulated disk.  It can be watched:
`strace` writes down every system call that touches a file, and what is written down
becomes the same kind of trace that a simulated disk records.  From there on nothing
knows which of the two it was.  Watching takes no privileges, no kernel module and no
change to the program.

- `lines`: the text that strace writes, as calls with a beginning and an end
- `arguments`: the values in a call
- `kinds`: calls by what they are
- `tree`: the names and files below one directory, and what happened to them
- `processes`: who has which file open, over dup, fork, threads and exec
- `recording`: all of that while the calls go by
- `opening`, `writing`, `naming`, `syncing`, `memory`: what each call does, as tables
- `marks`: what was asked and answered, where the process speaks the adapter protocol
- `strace`: running a command under strace
- `result`: the recording of a whole run, checked against what the run has left

All but the last two are pure: text in, events out.  What cannot be told from system
calls alone, such as a write through mapped memory, is named as *untraceable*; no
verdict rests on a trace with a gap in it.  And every recording is checked: replayed
from its beginning it must give the directory that the process left, byte for byte.
"""
