"""
Serve a variant over the adapter protocol: `python -m tornproof_conformance.variants NAME`.
"""

import sys
import time

from tornproof_conformance.variants.catalogue import VARIANTS
from tornproof_conformance.variants.server import Server


def main() -> None:
    """Answer requests until standard input ends."""
    name = sys.argv[1]
    time.sleep(getattr(VARIANTS[name], "start_seconds", 0))
    Server(name, VARIANTS[name]).serve()


if __name__ == "__main__":
    main()
