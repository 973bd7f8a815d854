"""
The survey: foreign software, and what a loss of power does to it.

- `entries`: what each promises, and what it needs before it runs
- `harm`: what a loss of power does to it
"""
