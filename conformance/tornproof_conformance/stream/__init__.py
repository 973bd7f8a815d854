"""
The stream of events of a run.

- `run_events`: the events
- `event_file`: events as a file
- `known_failures`: violations that are accepted until a date
- `versions`, `exit_codes`: what a verdict was reached with, and how a command ends
"""
