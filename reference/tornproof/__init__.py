"""
Tornproof's reference: the law in Python.

A journal that keeps what it acknowledged, written to be read.  Everything
here works on real disks; nothing here knows that it is being judged.  The
rules it follows are in `spec/`, numbered; docstrings cite the numbers.
"""
