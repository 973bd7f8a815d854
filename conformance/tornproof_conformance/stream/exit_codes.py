"""
The exit codes of all commands.
"""

CONFORMS = 0
"""All is well: the subject conforms, nothing was found, the journal is sound."""

DOES_NOT_CONFORM = 1
"""Something is wrong with what was looked at."""

USAGE = 2
"""Something is wrong with the command: an option, a name, a file that cannot be read."""

BROKEN_ADAPTER = 3
"""The adapter does not speak the protocol, so nothing can be said of what it implements."""

INCONCLUSIVE = 4
"""There is no verdict, or not on everything: interrupted, out of bounds, not traceable."""

FAULT = 5
"""The suite itself failed: a fault in it, or no room for its output.  Nothing was judged."""
