"""
The page of proofs says what there is, and says how it ended.
"""

from tests import prove


def test_the_page_lists_every_contract_with_a_verdict() -> None:
    """Whoever adds or rewords a contract runs `python -m tests.prove --write`."""
    page = prove.PAGE.read_text(encoding="utf-8")
    listed = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]

    stated = [[f"`{each.path.stem}`", each.sentence] for each in prove.contracts()]

    assert [row[:2] for row in listed] == stated
    assert {row[2] for row in listed} == {prove.CONFIRMED, prove.NOT_REFUTED}
