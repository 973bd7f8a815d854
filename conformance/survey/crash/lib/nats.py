"""A stream of messages in NATS JetStream: create it, publish to it, look whether all is there."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

PORT = 20000 + os.getpid() % 20000


class Client:
    """As much of the protocol of NATS as this takes."""

    def __init__(self) -> None:
        for _ in range(200):
            try:
                self.lines = socket.create_connection(("127.0.0.1", PORT)).makefile("rwb")
                break
            except OSError:
                time.sleep(0.02)
        self.lines.write(b'CONNECT {"verbose": false}\r\nSUB inbox 1\r\n')

    def request(self, subject: str, body: bytes) -> dict[str, Any]:
        """Publish a message, and return what comes back."""
        self.lines.write(b"PUB %s inbox %d\r\n%s\r\n" % (subject.encode(), len(body), body))
        self.lines.flush()
        while line := self.lines.readline():
            if line.startswith(b"MSG inbox"):
                answer: dict[str, Any] = json.loads(self.lines.read(int(line.split()[-1]) + 2))
                return answer
            if line.startswith(b"PING"):
                self.lines.write(b"PONG\r\n")
        sys.exit("the server has ended")


server = subprocess.Popen(
    ["nats-server", "-a", "127.0.0.1", "-p", str(PORT), "-js", "-sd", "store"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    client = Client()
    if sys.argv[1] == "create":
        asked = {"name": "S", "subjects": ["s"], "storage": "file"}
        client.request("$JS.API.STREAM.CREATE.S", json.dumps(asked).encode())
        client.request("s", b"first")
    elif sys.argv[1] == "publish":
        for _ in range(3):
            print(client.request("s", bytes(600))["seq"], flush=True)
    else:
        found = client.request("$JS.API.STREAM.INFO.S", b"")
        if "error" in found:
            sys.exit(f"the stream: {found['error']['description']}")
        if found["state"]["last_seq"] < int(os.environ["TORNPROOF_LAST"] or 1):
            sys.exit("an acknowledged message is missing")
finally:
    server.send_signal(signal.SIGKILL)
    server.wait()
