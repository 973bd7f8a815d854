"""
Small faults in the reference, one at a time: does the suite notice?

`python -m tests.mutants` makes the mutants, lets `tornproof check` judge each of them,
and prints which were noticed.  See `__main__` for the options.
"""
