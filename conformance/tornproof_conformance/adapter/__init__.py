"""
Adapters: implementations in other processes, in any language.

An adapter is a command that reads requests on standard input and writes replies
on standard output, one JSON object a line (`spec/protocol.md`).  Here they are
started, spoken to, and told what is wrong with them.

- `diagnosis`: everything that an adapter can do wrong to the protocol itself
- `process`: a process group and its lines, with deadlines
- `wire`: the values in the lines
- `messages`: what the lines mean; requests and replies held to their schemas
- `session`: a conversation, one call at a time
- `scratch`: directories in memory, and the remains of runs that were killed
- `disk`, `opened`, `target`: an adapter as a target among others
- `conversation`, `audits`, `deliveries`: what it is put through besides
"""
