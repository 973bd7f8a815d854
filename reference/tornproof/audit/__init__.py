"""
The audit index: who asked what, when, and on what grounds they were answered.

Every query leaves an audit, which is never modified and never deleted.  The
index answers the questions of the person who investigates: this audit; what
this agent asked between then and then; what was asked last.

The modules, in the order in which to read them:

- `query`: what an audit says
- `encoding`: an audit as bytes, the same bytes everywhere and always
- `store`: put, get, by agent, recent, has
- `indexer`: the index as a fold of a journal, which can be built again

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
