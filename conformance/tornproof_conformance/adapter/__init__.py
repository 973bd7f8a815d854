"""
Adapters: implementations in other processes, in any language.

An adapter is a command that reads requests on standard input and writes replies
on standard output, one JSON object a line (`spec/protocol.md`).

- `speaking`: the process and the protocol
- `scratch`: directories in memory, and the remains of runs that were killed
- `directory_disk`: the directory of an adapter, where a simulated disk is expected
- `opened_journal`, `opened_queue`, `opened_chain`: what is open in an adapter's process
- `adapter_subject`: an adapter, judged like what runs in this process
- `arming`: faults at the points that an adapter names
- `blame`: an adapter that does not answer
"""
