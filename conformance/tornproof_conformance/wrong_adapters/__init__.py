"""
Miniatures of adapters: each keeps a right log and breaks one sentence of the protocol.

- `breaches`: the adapters, and all of them by name
- `__main__`: serves one: `tornproof check -- python -m tornproof_conformance.wrong_adapters NAME`

They import the log of the variants and nothing else of ours, so that they start at once.
"""
