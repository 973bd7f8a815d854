"""
Subjects that run in this process.

- `reference`: the reference implementation, and the miniatures by name
- `gallery`: every miniature
- `machines`: the state machines, and what each can judge
- `group_commits`, `indexes`, `queues`: what is judged besides a journal
"""
