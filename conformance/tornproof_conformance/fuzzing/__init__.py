"""
Fuzzing: search until the time is up.

- `fuzzer`: who searches for how long, and what becomes of a finding
- `hunts`, `adapter_hunts`: the ways in which it searches
- `searching`: search with Hypothesis, past what is known
- `examples`: where interesting examples are kept and shared
- `events`: what happens, as a stream
"""
