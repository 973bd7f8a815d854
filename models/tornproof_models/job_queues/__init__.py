"""
Job queues in this process, moved step by step.

- `table`: the rows of a queue, as values, and what a crash leaves of them
- `calls`: a call under way, and what a queue has to provide
- `draining`: what workers do when nothing disturbs them any more
- `running`, `strikes`: a queue at work, and what may hit it
- `world`: two producers, two workers and all that can go wrong, for a search to walk
"""
