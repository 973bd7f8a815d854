"""
Fuzzing: random search until the time is up.

- `fuzzer`: the rounds, and what becomes of a finding
- `adapter_hunts`: the searches of an adapter
- `examples`: where interesting examples are kept and shared
- `fuzz_events`: what happens, as a stream
"""
