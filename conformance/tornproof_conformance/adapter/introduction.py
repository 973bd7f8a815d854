"""
What an adapter says of itself in its reply to `hello`, and whether it can be judged.

Whoever starts a process says hello before anything else, so that an adapter for another
version of the protocol is told at once, and not by the first operation that differs.
"""

from tornproof_conformance.adapter.speaking.diagnosis import WrongProtocol
from tornproof_conformance.adapter.speaking.messages import PROTOCOL, claims
from tornproof_conformance.adapter.speaking.session import Session
from tornproof_conformance.stream.run_events import Implementation


def introduction(session: Session) -> Implementation:
    """
    Say hello, and return what the adapter says of itself.

    Raises `WrongProtocol` for another version, or a claim that does not exist.
    """
    hello = session.hello = session.call("hello", protocol=PROTOCOL)
    if hello["protocol"] != PROTOCOL:
        message = f"speaks protocol {hello['protocol']}; this suite speaks {PROTOCOL}"
        raise WrongProtocol(message, command=session.process.command)
    claimed = hello["claims"] if "claims" in hello else hello["profiles"]  # its name in version 0.1
    unknown = sorted(set(claimed) - claims())
    if unknown:
        message = f"claims {', '.join(unknown)}, and there is no such claim"
        raise WrongProtocol(message, command=session.process.command)
    said = hello["implementation"]
    return Implementation(
        name=said["name"],
        version=said.get("version", ""),
        language=said.get("language", ""),
        url=said.get("url", ""),
        claims=tuple(sorted(claimed)),
    )
