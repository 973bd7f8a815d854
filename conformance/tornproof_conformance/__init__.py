"""
Tornproof's conformance suite: runner, adapters, reports and the command line.

It runs the checks of the models against a subject, collects verdicts with what
they rest on, and tells them: `checks` are what is run, `runner` runs them and
emits `events`, and everything that a person or another program sees is derived
from those events in `report`.
"""
