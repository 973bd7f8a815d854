"""
Tornproof's models: contracts, crash models, the explorer and miniatures.

A workload runs against an implementation and leaves a `Trace`: what was asked
of the disk, in order, with marks that say what was promised to whom.  The disk
model turns a trace into every image that a crash may leave; recovery runs on
each; the contract compares what came back with what had been promised.

    workload → Trace → crash images → recovery → contract → violation

Nothing after the trace knows which implementation it came from.
"""
