"""
The survey: foreign software, and what a loss of power does to it.

- `entries`: what each promises, and what it needs before it runs
- `harm`: what a loss of power does to it
- `examinations`, `results`: what is kept, of the same programs for each and of `tornproof check`
- `pairs`: published bugs, in the version that has one and in the one that has its fix
"""
