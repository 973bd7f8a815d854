"""
All benchmarks, one after the other: `make bench`.
"""

from tests import bench_audit, bench_journal


def main() -> None:
    """Run every benchmark and print its table."""
    for benchmark in (bench_journal, bench_audit):
        benchmark.main()


if __name__ == "__main__":
    main()
