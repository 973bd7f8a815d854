"""
All benchmarks, one after the other: `make bench`.
"""

import subprocess
import sys

BENCHMARKS = (
    "journal",
    "exploration",
    "group_commit",
    "reader",
    "audit",
    "drainer",
    "adapter",
    "recording",
)
"""Each is a module of its own, `python -m tests.bench_journal`, and runs in a fresh process."""


def main() -> None:
    """Run every benchmark and let it print its table."""
    for name in BENCHMARKS:
        subprocess.run([sys.executable, "-m", f"tests.bench_{name}"], check=True)


if __name__ == "__main__":
    main()
