"""
The specification as data.

- `claims`: what each claim of an implementation brings with it
- `places`: where the chapters, schemas and vectors are
- `requirements`: the numbered sentences, read from the chapters
- `schemas`: documents checked against JSON Schemas
"""
