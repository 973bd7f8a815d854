"""The tables of the v0.7 queue, as SQLite describes them."""

from tornproof_models.faulty_database import MemoryDatabase


def columns(of: MemoryDatabase, table: str) -> list[tuple[str, str, int, str | None, int]]:
    """Name, type, whether it must not be null, default, and whether it is the key."""
    return [(n, t, nn, d, pk) for _, n, t, nn, d, pk in of.look(f"PRAGMA table_info({table})")]
