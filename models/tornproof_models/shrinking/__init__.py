"""
The smallest program and crash that still show a violation.

- `counterexample`: shrink a program together with its crash
- `steps`: the simpler forms of one step
"""
