"""
The process of a command: interruption, internal errors, and cleaning up.
"""
