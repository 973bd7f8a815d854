"""
Tornproof's reference implementation of the specification.

A journal, an audit index, a chain and a drainer, written to be read.  All of it works on real
disks, and none of it knows the suite that judges it.  Docstrings cite the numbered
requirements of `spec/`.
"""
