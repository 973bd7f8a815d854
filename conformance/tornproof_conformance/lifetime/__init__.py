"""
The process of a command: how it is interrupted, what becomes of its faults, and whom it leaves.
"""
