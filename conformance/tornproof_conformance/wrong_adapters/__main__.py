"""
Serve a wrong adapter: `python -m tornproof_conformance.wrong_adapters NAME`.
"""

import sys

from tornproof_conformance.wrong_adapters.breaches import ADAPTERS


def main() -> None:
    """Answer requests until standard input ends."""
    name = sys.argv[1]
    ADAPTERS[name](name).serve()


if __name__ == "__main__":
    main()
