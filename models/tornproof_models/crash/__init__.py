"""
The explorer: run a program, crash it at every point, recover every image, judge the result.

- `program`: short lists of steps
- `subject`: what the explorer requires of a journal
- `run`: executes a program on a subject and records a trace
- `recovery`: the outcome of one recovery, seen from outside
- `crash_points`, `stakes`: where a crash matters, and which requirements are at stake there
- `explorer`: all images of a trace, each distinct one recovered once
- `access_log`, `decision_tree`, `undecided`: images told apart by what recovery reads
- `enumerated`: images built one by one, each as a whole
- `nearest`: in which order
- `sites`: one crash point as work that can be left and taken up again
- `crash_judge`: what the recoveries of one crash come to, judged
- `novelty`: how new that still was, and an estimate of what was not seen
- `observer`, `findings`: who is informed, and what comes out
"""
