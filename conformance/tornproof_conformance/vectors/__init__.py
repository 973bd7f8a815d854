"""
Test vectors: bytes on disk, and what an implementation must make of them.

- `vector`: the vectors, as they are read
- `judging`: hold a subject to one
- `files`: add to them, and see that they are what they were
- `promotion`: make one of a counterexample
"""
