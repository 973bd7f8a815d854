"""
The chain: rows in a database whose changes can be detected.

Each row contains the hash of the row before, so the hash of the last row covers all rows.
The tables are in SQLite or PostgreSQL, and other programs may write to them, too.

The modules, in the order in which to read them:

- `row`: a row as the bytes that are signed and hashed
- `database`: the tables, and transactions that are durable when they return
- `append`: read the head, insert the next row
- `signatures`: Ed25519 over the whole row
- `verify`: every break, and the saved head
- `pairwise`: the chains of v0.7 and v1.0, read only, and what they cannot show
- `migration`: going on from one of them with this chain
"""

from tornproof.chain.append import Signer, append
from tornproof.chain.database import connect, prepare
from tornproof.chain.row import GENESIS, AttestLevel, Entry, Head, Row
from tornproof.chain.signatures import Ed25519Signer
from tornproof.chain.verify import Break, Verification, verify

__all__ = [
    "GENESIS",
    "AttestLevel",
    "Break",
    "Ed25519Signer",
    "Entry",
    "Head",
    "Row",
    "Signer",
    "Verification",
    "append",
    "connect",
    "prepare",
    "verify",
]
