"""
The specification as data.

- `places`: where the chapters, schemas and vectors are
- `requirements`: the numbered sentences, read from the chapters
- `schemas`: documents checked against JSON Schemas
- `unobservable`: requirements that the protocol cannot observe, and why
"""
