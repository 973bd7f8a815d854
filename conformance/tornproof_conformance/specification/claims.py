"""
The claims that an implementation can make, and what each brings with it.

An adapter lists its claims in the reply to `hello`.  This table says for each claim which
requirements a report then lists, which checks run, and what the protocol cannot observe of
it.  The runner, the catalogue of checks, the reports, `tornproof list claims` and
`tornproof explain` read it.  A new claim is an entry here and in
`spec/schema/protocol.schema.json`.

What runs in this process, such as the built-in reference, makes no claims: it is judged by
every check whose operations it has.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from attrs import field, frozen
from tornproof_models.crash.subject import Subject

NO_PROC = "it shows only in a process's memory, and this system has no `/proc` to read that from"
NO_MEMORY = f"{NO_PROC}, or `hello` says that the library returns everything when it opens"

NO_POINTS = (
    "it shows only when something fails at a fault point of the drainer, and no point of "
    "`fault.points` takes the action that it needs"
)
NO_ROWS = (
    "it shows only in the database rows, and `drainer.open` names no `database` with the columns "
    "of the chapter"
)
NO_COUNT = "it shows only in the count of dead letters, and `drainer.metrics` gives no `dlq_size`"
NO_WORDS = "the protocol has no request for a drainer's key, its quota, or its spool"
NO_SPOOL = (
    "it shows only in the files of a spool, and the drainer makes no `spool.json` in its directory"
)

_DRAINER = {
    **{f"DRN-{number}": NO_POINTS for number in (4, 5, 6, 7, 8, 10, 15, 17)},
    "DRN-14": NO_COUNT,
    **{f"DRN-{number}": NO_WORDS for number in (19, 20, 22)},
    **{f"DRN-{number}": NO_SPOOL for number in (21, 39)},
    "DRN-31": "the suite does not look at the order in which an adapter replays dead letters",
    "DRN-32": "the suite does not measure how long a drainer in another process waits",
    "DRN-33": "the replies of the protocol do not tell failed appends and dead letters apart",
    "DRN-34": "the suite does not count the attempts of a drainer in another process",
    "DRN-35": (
        "it shows only in the rows of dead letters, and `drainer.open` names no `database` whose "
        "dead letters have a `payload_hash`"
    ),
    "DRN-37": "the suite does not compare the reasons of dead letters of an adapter",
    "DRN-36": "the suite exchanges no database under a drainer in another process",
    "DRN-38": (
        "it shows only in the rows of dead letters, and `drainer.open` names no `database` whose "
        "dead letters have a `failed_at`"
    ),
}


_QUEUE = {
    "core": "Nothing is taken, done or dead that was not enqueued.",
    "at-least-once": "An acknowledged job ends with an effect or as a dead letter.",
    "at-most-once": "A job starts again only after a reported failure.",
    "exactly-once": "A job has one effect or is a dead letter.",
    "settled": "A completed job never starts again.",
    "exclusive": "Nobody else gets a job while its lease runs.",
    "fenced": "A worker that lost its lease cannot complete the job.",
    "leases": "The job of a dead worker comes back by itself.",
    "leases-tended": "An operator can bring back the job of a dead worker.",
    "retries": "A job that fails too often becomes a dead letter.",
    "reasons": "A dead letter says why it is one.",
    "poison": "A job that kills its workers becomes a dead letter.",
    "progress": "One bad job does not hold up the others for ever.",
    "fifo": "First starts follow acknowledgements.",
    "outbox": "A job and the rows of its transaction are there together or not at all.",
    "deduplicates": "A job that is enqueued twice under one id is one job.",
    "power": "What it claims holds after a loss of power, too.",
}
"""What a job queue can say of itself, sentence by sentence in the order of `job-queues.md`."""


def _ids(family: str, numbers: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"{family}-{number}" for number in numbers)


@frozen
class Claim:
    """One claim, and what follows if an adapter makes it."""

    name: str

    meaning: str
    """What it says of an implementation, in a sentence."""

    families: tuple[str, ...]
    """The families of requirements that a report lists for it."""

    checks: tuple[str, ...] = ()
    """Names of the checks that run if this claim, or another that names them, is made."""

    alone: tuple[str, ...] = ()
    """Ids of the requirements that no adapter has to hold that does not make this claim."""

    unobservable: Mapping[str, str] = field(factory=dict)
    """
    Requirements that the protocol cannot observe, or only through an optional operation or
    member, and why.  It explains why a requirement is *not covered*, and changes no verdict.
    """

    def lists(self, requirement: str) -> bool:
        """Tell whether an adapter that makes this claim has to hold a requirement."""
        if requirement in self.alone:
            return True
        return requirement.partition("-")[0] in self.families and requirement not in ALONE


CLAIMS: Mapping[str, Claim] = MappingProxyType(
    {
        claim.name: claim
        for claim in (
            Claim(
                "journal/core",
                "A journal with open, append, scan and close; offsets are any increasing integers.",
                ("JRN", "REC"),
                ("scenarios", "memory", "kills", "power-loss", "io-errors"),
                unobservable={"REC-9": NO_MEMORY},
            ),
            Claim(
                "journal/format-v2",
                "Its files hold the frames of this specification, byte for byte.",
                ("FRM",),
                ("vectors",),
            ),
            Claim(
                "journal/segments",
                "It has segments that can be rotated, read by offset, and deleted.",
                ("SEG",),
                ("cleanup-power",),
            ),
            Claim(
                "journal/reader",
                "Another process can follow the journal while it is written.",
                ("RDR",),
            ),
            Claim(
                "journal/group-commit",
                "Records that are handed over together are synced together.",
                ("GRP",),
                ("group-commit",),
                unobservable={
                    "GRP-6": "the protocol has no request that withdraws a submitted record"
                },
            ),
            Claim(
                "journal/empty-records",
                "It takes records without a payload.",
                (),
                ("scenarios", "power-loss"),
                alone=("JRN-16",),
            ),
            Claim(
                "journal/batch",
                "It takes several records in one call, and keeps all of them or none.",
                (),
                ("kills", "power-loss", "io-errors"),
                alone=("JRN-18",),
            ),
            Claim(
                "journal/truncate",
                "It drops records from its tail or its head.",
                (),
                ("kills", "power-loss", "io-errors"),
                alone=("JRN-17",),
            ),
            Claim(
                "journal/watermark",
                "A file named `watermark` beside the segments says how much is durable.",
                (),
                ("reading",),
                alone=("RDR-6", "REC-12"),
            ),
            Claim(
                "audit/core",
                "An audit index that stores records and answers queries about them.",
                ("AUD",),
                ("scenarios", "audits", "audit-power"),
                unobservable={"AUD-12": NO_PROC},
            ),
            Claim(
                "audit/keys",
                "It shows the keys of its index, byte for byte.",
                ("AUD",),
                alone=("AUD-1", "AUD-2", "AUD-16"),
                unobservable={
                    "AUD-16": "it shows only in the stored bytes, and `audit.get` gives no `record`"
                },
            ),
            Claim(
                "drainer/durable",
                "A deferred queue whose accepted events survive a loss of power.",
                ("DRN", "EVT"),
                ("scenarios", "queue-situations", "deliveries", "queue-power-loss"),
                alone=("DRN-3", "DRN-16", "DRN-17", *_ids("EVT", range(1, 7))),
                unobservable={
                    **_DRAINER,
                    **dict.fromkeys(_ids("EVT", range(1, 5)), NO_ROWS),
                    "EVT-6": (
                        "it shows only in the id that the queue made, and `drainer.submit` does "
                        "not return it"
                    ),
                },
            ),
            Claim(
                "drainer/volatile",
                "A deferred queue whose accepted events may be lost when its process ends.",
                ("DRN", "EVT"),
                ("queue-situations", "deliveries"),
                alone=("DRN-18",),
                unobservable=_DRAINER,
            ),
            Claim(
                "chain/v1",
                "A chain of signed events that can be verified.",
                ("CHN",),
                ("scenarios",),
                alone=_ids("CHN", (*range(1, 9), 13, 14)),
                unobservable=dict.fromkeys(_ids("CHN", (*range(2, 9), 13, 14)), NO_ROWS),
            ),
            Claim(
                "chain/pairwise",
                "It verifies chains of v0.7 and v1.0, without changing them.",
                ("CHN",),
                ("scenarios",),
                alone=_ids("CHN", range(9, 13)),
                unobservable={"CHN-12": "the protocol has no request for a migration"},
            ),
            *(
                Claim(
                    f"queue/{name}",
                    meaning,
                    ("QUE",),
                    (
                        "job-queues",
                        *(["job-queue-power-loss"] if name == "power" else []),
                        "job-queue-io-errors",
                    ),
                    alone=(f"QUE-{number}",),
                )
                for number, (name, meaning) in enumerate(_QUEUE.items(), start=1)
            ),
        )
    }
)
"""Every claim by name, in the order of the specification."""

FILES = ("journal/core", "journal/format-v2", "journal/segments")
"""The claims whose families a report lists for every journal that runs in this process."""

ALONE: Mapping[str, str] = {
    identifier: claim.name for claim in CLAIMS.values() for identifier in claim.alone
}
"""The requirements that apply with one claim alone, and that claim."""

UNOBSERVABLE: Mapping[str, str] = {
    identifier: reason
    for claim in CLAIMS.values()
    for identifier, reason in claim.unobservable.items()
}
"""Why a requirement that no check covered could not be observed, by its id."""


def claims_with(check: str) -> frozenset[str]:
    """Name the claims that bring a check of adapters; empty for one that every adapter gets."""
    return frozenset(claim.name for claim in CLAIMS.values() if check in claim.checks)


def listed_families(claims: Iterable[str] | None) -> frozenset[str]:
    """
    Name the families that a report lists, whether a check looks at them or not.

    `claims` is None for what runs in this process.
    """
    made = FILES if claims is None else claims
    return frozenset(family for each in made for family in CLAIMS[each].families)


def why_unobservable(requirement: str, subject: Subject) -> str:
    """Say why a requirement could not be observed in an adapter; empty if it could have been."""
    claims = getattr(subject, "claims", None)
    if claims is None or not hasattr(subject, "command"):
        return ""
    claim = ALONE.get(requirement)
    if claim is not None and claim not in claims:
        return f"it applies only with the claim {claim}, which is not made"
    return UNOBSERVABLE.get(requirement, "")
