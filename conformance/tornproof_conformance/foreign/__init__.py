"""
Logs that nobody here wrote.

- `logs`: what each promises, and what it needs before it runs
- `harm`: what a loss of power does to them
"""
