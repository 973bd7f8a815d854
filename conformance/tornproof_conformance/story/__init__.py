"""
Tell a violation so that a person can follow it.

- `stories`: a problem, from the program to what was owed and what came
- `narration`: a program step by step, with what each step did to the disk
- `lanes`: a trace in words, each event in the lane where it belongs
- `fates`: what became of each write in a crash
- `frames`: bytes as frames, as an outsider reads them
"""
