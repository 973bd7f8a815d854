"""The page: all of the story, nothing from outside, and no way in."""

import re
from html.parser import HTMLParser

import pytest
from attrs import evolve
from tornproof_conformance.report.page import (
    compared,
    drawn,
    figure_columns,
    prose,
    render_page,
    scenes,
)
from tornproof_conformance.report.shown_findings import shown_findings
from tornproof_conformance.story.stories import tell_file

from tests.conformance.report_runs import (
    FAILING,
    PASSING,
    cut_off,
    diagnosed,
    excused,
    hostile,
    record_of,
)


class Page(HTMLParser):
    """What a browser would make of a page, as far as these tests need it."""

    VOID = ("meta", "link", "wbr", "col", "br", "path", "rect")

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == [], "a tag is not closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.text += f"{data} "


RECORDS = {
    "passing": record_of(PASSING),
    "failing": record_of(FAILING),
    "cut off": cut_off(record_of(FAILING)),
    "known": excused(record_of(FAILING), "known"),
    "broken": diagnosed(record_of(PASSING)),
    "hostile": hostile(record_of(FAILING)),
}


@pytest.fixture(params=RECORDS, scope="module")
def source(request: pytest.FixtureRequest) -> str:
    """The page of each run."""
    return render_page(RECORDS[request.param])


def test_the_page_needs_nothing_from_outside(source: str) -> None:
    """No attribute and no rule loads anything; links lead to places on the page."""
    for tag, name, value in Page(source).attributes:
        assert name not in ("src", "srcset", "action", "formaction", "poster", "background")
        if name in ("href", "xlink:href"):
            assert value.startswith("#") or (tag, value) == ("link", "data:,")
    assert not re.search(r"@import|url\(|@font-face", source)


def test_the_page_runs_one_script_and_its_policy_names_it(source: str) -> None:
    """No markup of what was judged becomes an element or a handler."""
    page = Page(source)
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    policies = [value for _, name, value in page.attributes if name == "content" and "src" in value]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src 'sha256-" in policies[0]


def test_hostile_text_is_shown_as_it_stands() -> None:
    """A name that is markup reads as what it is."""
    text = Page(render_page(RECORDS["hostile"])).text
    assert "<script>alert('1')</script>" in text
    assert "{{ 7 * 7 }}" in text


def test_a_violation_is_told_to_the_end() -> None:
    """Sentence, message, program, crash model, lanes, bytes, records and replay are there."""
    text = " ".join(Page(render_page(RECORDS["failing"])).text.split())
    for part in (
        "REC-2 · later · ",
        "Why it is required A cut changes the size of a file",
        "What usually helps Sync the file after truncating it",
        "The cut is durable before the first append after it.",
        "append(600 bytes)",
        "Mildest crash model that shows it prefix",
        "calls page cache disk",
        "write 640 bytes at 0",
        "The power goes. bytes 512–1023 of",
        "What the first crash leaves",
        "length 600 reaches beyond the file",
        "58 02 00 00",
        "Expected against recovered",
        "tornproof replay .tornproof/REC-2-",
    ):
        assert part in text


def test_the_strip_has_a_cell_for_each_requirement() -> None:
    """Each leads to the finding, or to the row of its requirement; every place exists."""
    record = record_of(FAILING)
    page = Page(render_page(record))
    places = {value for _, name, value in page.attributes if name == "id"}
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert {f"#r-{v.requirement}" for v in record.verdicts if v.verdict == "holds"} <= {*links}
    assert {link.removeprefix("#") for link in links} <= places


def test_the_first_finding_is_open_and_families_that_hold_are_folded() -> None:
    """What is to be read first is unfolded, and what is as it should be is not."""
    record = record_of(FAILING)
    held = tuple(
        evolve(each, verdict="holds") if each.requirement.startswith("FRM") else each
        for each in record.verdicts
    )
    source = render_page(evolve(record, verdicts=held))
    findings = re.findall(r'<details class="violation [^>]*>', source)
    assert [found.endswith(" open>") for found in findings] == [True, False, False]
    families = re.findall(r'<details class="family"( open)?>\n<summary><h3>(\w+)', source)
    assert (" open", "Recovery") in families
    assert ("", "Frame") in families


def test_a_dump_that_was_shown_is_folded() -> None:
    """A second finding with the same files refers to the first."""
    record = record_of(FAILING)
    first = record.violations[0]
    twice = evolve(record, violations=(first, evolve(first, phase="in recovery")))
    one, another = shown_findings(twice)
    assert one.same == ("",) * len(first.crashes)
    assert another.anchor == "REC-2-2"
    assert another.same == ("REC-2",) * len(first.crashes)


def test_a_passing_page_says_what_it_rests_on() -> None:
    """Verdict, figures, crash models, and each requirement with its checks."""
    text = " ".join(Page(render_page(RECORDS["passing"])).text.split())
    figures = record_of(PASSING).figures
    assert "reference 0.1.0 conforms" in text
    assert f"crash images {figures['crash images']:,}" in text
    assert "process-kill ⊂ prefix ⊂ ext4 ⊂ adversarial" in text
    assert "vectors, exploration" in text
    assert "is violated" not in text


def test_a_run_that_was_cut_off_has_no_verdict() -> None:
    """Neither word of a verdict stands in its heading."""
    text = Page(render_page(RECORDS["cut off"])).text
    assert "was not judged to the end" in text
    assert "does not conform" not in text


def test_a_broken_adapter_is_diagnosed() -> None:
    """What is wrong and what usually causes it take the place of a verdict."""
    text = Page(render_page(RECORDS["broken"])).text
    for part in (
        "is broken: no reply",
        "no reply",
        "It said nothing",
        "Is its output flushed?",
    ):
        assert part in text


def test_a_frame_is_drawn_part_by_part() -> None:
    """Length, CRC32C, BLAKE3 and what is there of the payload, at the layout's positions."""
    (file,) = RECORDS["failing"].violations[0].crashes[0].files
    (frame,) = drawn(file)
    assert [piece.part for piece in frame.pieces] == ["length", "CRC32C", "BLAKE3", "payload"]
    assert [piece.note for piece in frame.pieces] == ["600", "", "", "472 bytes"]
    assert frame.pieces[0].runs == (("58 02 00 00", True),)


def test_bytes_that_are_not_as_written_are_marked() -> None:
    """Stale bytes, and bytes behind the end of what was written, are told from the others."""
    file = tell_file("notes", b"\x00\x00abcd", written=b"zzabc")
    assert file.differs == ((0, 2), (5, 6))
    ((piece,),) = (frame.pieces for frame in drawn(file))
    assert piece.runs == (("00 00", False), ("61 62 63", True), ("64", False))


def test_only_segments_have_frames() -> None:
    """The same bytes are a frame in a segment and nothing but bytes in another file."""
    frame = bytes.fromhex("58 02 00 00") + bytes(40)
    assert tell_file("0000000000000200.wal", frame).frames
    assert not tell_file("watermark", frame).frames


def test_a_long_payload_is_shown_by_its_ends() -> None:
    """Its first 48 bytes and its last 16 stand on the page, and how many are between."""
    ((piece,),) = (frame.pieces for frame in drawn(tell_file("notes", bytes(range(200)))))
    first, between, last = (text for text, _ in piece.runs)
    assert (len(first.split()), between, len(last.split())) == (48, "… 136 bytes …", 16)
    assert last.endswith("c7")


def test_a_second_crash_has_a_scene_of_its_own() -> None:
    """The program, the recovery that was crashed, and the one after it, in order."""
    found = next(e for e in RECORDS["failing"].violations if e.requirement == "REC-2")
    assert [scene.title for scene in scenes(found)] == [
        "the program",
        "the recovery, crashed as well",
        "the recovery",
    ]
    assert scenes(found)[-1].moments[-1].mark == "failure"


def test_records_are_compared_by_offset() -> None:
    """What was owed and what came back stand side by side, whichever is missing."""
    for found in RECORDS["failing"].violations:
        for offset, owed, came in compared(found):
            assert owed is not None or came is not None
            assert {each.offset for each in (owed, came) if each} == {offset}


def test_sentences_keep_their_emphasis_and_nothing_else() -> None:
    """Emphasis and code of the chapter are shown; markup is not."""
    assert prose("*lost* and `<b>`, 2 * 3 * 4") == (
        "<em>lost</em> and <code>&lt;b&gt;</code>, 2 * 3 * 4"
    )


@pytest.mark.parametrize(("count", "columns"), [(8, 4), (6, 6), (5, 5), (7, 4), (2, 2)])
def test_figures_come_in_even_rows(count: int, columns: int) -> None:
    """Six fit in a row; eight take two of four."""
    assert figure_columns(count) == columns
