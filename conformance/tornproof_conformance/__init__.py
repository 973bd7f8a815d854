"""
Tornproof's conformance suite: the court.

It runs the checks of the models against a target, collects verdicts with what
they rest on, and tells them: `checks` are what is run, `runner` runs them and
emits `events`, and everything that a person or another program sees is derived
from those events in `report`.
"""
