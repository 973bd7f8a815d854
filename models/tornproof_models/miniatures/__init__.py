"""
Miniatures: small implementations that are wrong on purpose.

A judge that has never convicted anybody proves nothing.  Each miniature has one
bug, mostly one that was published and cost somebody data, and stands beside a
twin that is right.  The suite must tell the two apart, or a check is missing.

Of a journal, in the order in which to read them:

- `small_frames`, `small_recovery`, `small_journal`: the twin, made of steps that
  can go wrong one at a time
- `journal_framing`: frames and checksums
- `journal_tail`: what recovery makes of a torn tail
- `journal_damage`: damage, errors and strangers that recovery meets
- `journal_fsync`: promises without a sync, and syncs in the wrong order
- `journal_errors`: what a failed write or fsync does to what follows
- `journal_segments`: names, offsets, sizes and locks
- `journal_watermark`: what is known to be durable; with a twin of its own
- `journal`: all of them, by name

Of what stands beside a journal: `reader`, and `cleanup` for cursors and cleaners.

Of an audit index: `small_audit`, `audit_queries`, `audit_writes`, `audit_indexer`,
and `audit` for all of them.

Of a deferred queue: `small_drainer`, `drainer_landing`, `drainer_ending`, and
`drainer` for all of them; `deferred_audit_v07` is a whole design and no slip.
"""
