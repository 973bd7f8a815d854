"""
The reference's adapter, which goes wrong at one request of a whole run.

    python failing_adapter.py HOW NTH CLOCK

Requests are counted over all the processes of the run.  The count is the time of the last
change of the file CLOCK, since that is nothing that a recorder takes for a file written
elsewhere.  With a `+` behind NTH, everything from that request on goes wrong.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance" / "adapters" / "python"))

import audit_index
import deferred_queue
import log
from tornproof_conformance.kit import Adapter


class Failing(Adapter):
    """An adapter that goes wrong when its time has come."""

    def answer(self, op: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Count, and answer, or not."""
        how, nth, clock = sys.argv[1:]
        count = Path(clock).stat().st_mtime_ns + 1
        os.utime(clock, ns=(count, count))
        if count == int(nth.rstrip("+")) or (count > int(nth.rstrip("+")) and nth.endswith("+")):
            match how:
                case "die":
                    os._exit(3)
                case "hang":
                    time.sleep(600)
                case "babble":
                    print("a log line where replies belong", flush=True)
                case "refuse":
                    return {"error": {"code": "io", "message": "broken pipe"}}
                case "nothing":
                    return {"ok": {}}
        return super().answer(op, arguments)


if __name__ == "__main__":
    adapter = Failing("failing", [*log.CLAIMS, *audit_index.CLAIMS, *deferred_queue.CLAIMS])
    for subject in (log, audit_index, deferred_queue):
        subject.plug_in(adapter)
    adapter.serve()
