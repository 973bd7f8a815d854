"""
The recorder with ptrace: system calls, stores through shared mappings, and faults.

- `kernel`: what the kernel offers a tracer: ptrace, memory, registers
- `procfs`: what `/proc` tells of a thread that is held
- `calls`: which system calls are stopped at, and the filter that stops them
- `launching`: starting a process that is traced from its first instruction on
- `tracer`: the loop that waits for stops, follows children, and carries out what is ordered
- `tracing`: the thread that runs it, and a handle on the process for everybody else
- `injection`: which call meets which fault
- `listening`: what each call does to a tree, while it is held
- `transfers`, `paths`, `durability`: the same call by call, as tables
- `rings`, `orders`: what passes through memory, of io_uring and `io_submit`
- `mapped`, `pages`: what has been stored into mapped files, by comparing
- `stepping`: every store by itself
"""
