"""
Serve one log over the adapter protocol.
"""

import json
import sys
from base64 import b64decode, b64encode
from typing import Any

from tornproof_conformance.variants.log import Closed, Log, Poisoned
from tornproof_conformance.variants.operations import RewritesItself


class Server:
    """Answers requests with one log at a time."""

    def __init__(self, name: str, kind: type[Log]) -> None:
        self.name = name
        self.kind = kind
        self.claims = kind.claims
        self.log: Log | None = None

    def serve(self) -> None:
        """Answer requests until `bye` or the end of standard input."""
        for line in sys.stdin:
            request = json.loads(line)
            self.send({"id": request["id"], **self.reply(request)})
            if request["op"] == "bye":
                return

    def send(self, reply: dict[str, Any]) -> None:
        """Write a reply."""
        print(json.dumps(reply), flush=True)

    def answer(self, op: str, args: dict[str, Any]) -> dict[str, Any]:
        """Carry out a request.  Raises what the log raises."""
        if op == "hello":
            implementation = {"name": self.name, "language": "Python"}
            return {
                "protocol": 1,
                "implementation": implementation,
                "claims": list(self.claims),
                "limits": {"open_returns_everything": self.kind.returns_everything},
            }
        if op == "journal.open":
            if self.log is not None and not self.log.closed:
                raise BlockingIOError
            self.log = self.kind(args["dir"])
            return {"discarded_bytes": self.log.discarded}
        if op == "bye":
            return {}
        if self.log is None:
            raise Closed
        match op:
            case "journal.append":
                payload = b64decode(args["payload"])
                return {"offset": self.log.append(payload, durable=args.get("durable", True))}
            case "journal.append_batch" if isinstance(self.log, RewritesItself):
                payloads = [b64decode(payload) for payload in args["payloads"]]
                return {
                    "offsets": self.log.append_batch(payloads, durable=args.get("durable", True))
                }
            case "journal.truncate" if isinstance(self.log, RewritesItself):
                self.log.truncate(args["end"], int(args["offset"]))
            case "journal.sync":
                self.log.sync()
            case "journal.scan":
                records = [
                    {"offset": at, "payload": b64encode(payload).decode()}
                    for at, payload in self.log.scan()
                ]
                return {"records": records, "end": "clean"}
            case "journal.close":
                self.log.close()
            case _:
                raise NotImplementedError
        return {}

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the reply to a request."""
        try:
            return {"ok": self.answer(request["op"], request.get("args", {}))}
        except NotImplementedError:
            return {"unsupported": request["op"]}
        except Poisoned as error:
            return self.refusal("poisoned", error, definite=True)
        except Closed as error:
            return self.refusal("closed", error, definite=True)
        except BlockingIOError as error:
            return self.refusal("locked", error, definite=True)
        except OSError as error:
            return self.refusal("io", error, definite=False)

    def refusal(self, code: str, error: Exception, *, definite: bool) -> dict[str, Any]:
        """Return an error as the protocol has it, in the log's own words."""
        explain = getattr(self.log, "explain", str)
        return {"error": {"code": code, "definite": definite, "message": explain(error)}}
