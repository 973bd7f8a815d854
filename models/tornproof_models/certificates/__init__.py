"""
Certificates: a verdict that somebody else can check.

- `certificate`: write one
- `checker`: check one, with no code of the explorer
"""
