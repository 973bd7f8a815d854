"""Save a state three times, in one of four ways."""

import json
import os
import sys
from pathlib import Path

how = sys.argv[1]
target, temporary = Path("state.json"), Path("state.tmp")
for n in 1, 2, 3:
    state = {"n": n, "rows": [f"row {i:04}" for i in range(100 * n)]}
    with (target if how == "plain" else temporary).open("w") as file:
        json.dump(state, file)
        if how in ("fsync", "synced"):
            file.flush()
            os.fsync(file.fileno())
    if how != "plain":
        temporary.replace(target)
    if how == "synced":
        os.fsync(os.open(".", os.O_RDONLY))
    print(n, flush=True)
