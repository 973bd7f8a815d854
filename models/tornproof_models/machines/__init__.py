"""
Hypothesis state machines: long random programs.

The explorer tries everything small; the machines try something large.  Both
run the same steps through the same `Run`, so what a machine finds is a program
like any other: it shrinks, is printed, and can be replayed.
"""
