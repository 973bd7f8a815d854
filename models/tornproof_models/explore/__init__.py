"""
The explorer: run a workload, crash it everywhere, recover every image, judge.

- `workload`: programs, and what runs them
- `explorer`: all images of a trace, each distinct one recovered once
"""
