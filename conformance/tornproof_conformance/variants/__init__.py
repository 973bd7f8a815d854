"""
Variants: correct implementations that differ from the reference in one permitted way.

They are the mirror image of the miniatures.  A miniature is wrong in one way and must be
convicted; a variant is right, does something that the reference does not do, and must conform.
A check that convicts one of them demands what no sentence says.

- `log`: the plain log that most variants change in one place
- `record_forms`, `recoveries`, `syncs`, `manners`: variants by what they change
- `catalogue`: all of them by name
- `server`, `__main__`: serve one over the adapter protocol

They import nothing of ours, so that they start at once.
"""
