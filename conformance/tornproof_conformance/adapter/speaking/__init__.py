"""
The adapter protocol: processes, lines and messages.

- `process`: a process group and its lines, with deadlines
- `wire`: the values in the lines
- `messages`: requests and replies, checked against their schemas
- `session`: one call at a time
- `patience`: the time that all timeouts of a run may take together
- `diagnosis`: how an adapter can break the protocol
- `resources`: the memory and computing time of a process
"""
