"""
A run: which checks are run, within which budget, and the verdict.

- `adapter_run`: the checks of an adapter, and how it is started
- `runner`: run checks, emit events, decide the verdicts
- `selection`: the part of a run that is asked for
- `traceability`: who looks at a requirement
"""
