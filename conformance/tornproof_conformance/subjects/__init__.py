"""
What is judged besides a journal.

- `group_commits`: batches, and threads that share a sync
- `indexes`: audit indexes
- `queues`: deferred queues, and chains
"""
