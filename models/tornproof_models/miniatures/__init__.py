"""
Miniatures: small implementations with one deliberate bug each.

They test the suite: every miniature must be detected, and its correct twin must pass.  Most
of the bugs were published, and lost somebody's data.

Of a journal:

- `small_frames`, `small_recovery`, `small_journal`: the correct twin, in small steps that a
  miniature can change
- `journal_framing`: frames and checksums
- `journal_tail`: recovery of a torn tail
- `journal_damage`: damage, errors and foreign files that recovery meets
- `journal_fsync`: acknowledgements without a sync, and syncs in the wrong order
- `journal_errors`: what follows a failed write or fsync
- `journal_segments`: names, offsets, sizes and locks
- `journal_watermark`: the watermark; with its own twin
- `journal_miniatures`: all of them by name

Beside a journal: `small_reader` and `reader_miniatures`, `small_cleanup` and
`cleanup_miniatures` (cursors too), `small_batcher` and `group_commit_miniatures`.

Of an audit index: `small_audit`, `audit_queries`, `audit_writes`, `indexer_miniatures`, and
`audit_miniatures` for all of them.

Of a deferred queue and its chain: `small_drainer`, `drainer_landing`, `drainer_ending`,
`drainer_rules`, `drainer_events`, and `drainer_miniatures` for most of them; `small_chain` and
`chain_miniatures`; `deferred_audit_v07` is the whole v0.7 design.

Of a job queue: `small_job_queue`, and the modules `job_queue_*`.
"""
