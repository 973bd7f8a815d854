"""
The contracts: pure oracles over histories.

Nothing in this package imports anything else of this project.  An oracle that
shares code with what it judges would share its mistakes.
"""
