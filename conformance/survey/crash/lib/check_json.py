"""The state is whole, and not older than what was printed."""

import json
import os
import sys
from pathlib import Path

try:
    state = json.loads(Path("state.json").read_text())
except (OSError, ValueError) as error:
    sys.exit(f"cannot load: {type(error).__name__}")
if len(state["rows"]) != 100 * state["n"]:
    sys.exit("half a state")
if state["n"] < int(os.environ["TORNPROOF_LINES"]):
    sys.exit("older than what was printed")
