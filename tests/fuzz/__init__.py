"""
Every command that reads a file, on spoilt ones: `python -m tests.fuzz --help`.

`formats` has the good files and the commands, `mutations` spoils the files, `judging` says what
must not come of it, and `__main__` goes on until so many were tried.
"""
