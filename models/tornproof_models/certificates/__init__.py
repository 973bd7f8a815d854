"""
Certificates: verdicts as files, which other code can check.

- `certificate`: write one
- `checker`: check one, with no code of the explorer
"""
