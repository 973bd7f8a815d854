"""
The audit index: who asked what, when, and which data the answer is based on.

Every query stores an audit, which is never modified and never deleted.  The index answers
three questions: one audit by its id, the audits of an agent in a period, the latest audits.

The modules, in the order in which to read them:

- `query`: the fields of an audit
- `encoding`: an audit as canonical bytes
- `store`: put, get, by agent, recent, has
- `indexer`: build the index from a journal

The keys are in `tornproof.keys`, the databases below in `tornproof.kv`.
"""

from tornproof.audit.encoding import audit_from_fields, audit_to_fields, decode, encode
from tornproof.audit.indexer import AuditIndexer, RecordSource
from tornproof.audit.query import Contribution, Lifecycle, QueryAudit, QueryParameters
from tornproof.audit.store import AuditStore

__all__ = [
    "AuditIndexer",
    "AuditStore",
    "Contribution",
    "Lifecycle",
    "QueryAudit",
    "QueryParameters",
    "RecordSource",
    "audit_from_fields",
    "audit_to_fields",
    "decode",
    "encode",
]
