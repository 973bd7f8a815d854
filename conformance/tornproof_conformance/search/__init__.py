"""
Random search: the hunts that checks and the fuzzer share.
"""
