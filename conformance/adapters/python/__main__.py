"""
The reference as an adapter: everything that the protocol has, out of process.

    tornproof check -- python conformance/adapters/python

Each file beside this one plugs in one subject.
"""

from importlib.metadata import version

import audit_index
import deferred_queue
import log
from tornproof.record import MAX_PAYLOAD_BYTES
from tornproof_conformance.kit import Adapter

adapter = Adapter(
    "tornproof reference",
    [*log.CLAIMS, *audit_index.CLAIMS, *deferred_queue.CLAIMS],
    version=version("tornproof"),
    more={
        "format": {"frame": "v2", "crc_covers": "frame"},
        "limits": {"max_payload": MAX_PAYLOAD_BYTES},
    },
)
for subject in (log, audit_index, deferred_queue):
    subject.plug_in(adapter)

if __name__ == "__main__":
    adapter.serve()
