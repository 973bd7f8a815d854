"""
Deferred queues: programs, and the search for what breaks them.

- `delivery_program`, `delivery_run`: programs for a queue, and what executes them
- `fault_sweep`: every fault at every statement of every small program
- `schedules`: all schedules of a few events
"""
