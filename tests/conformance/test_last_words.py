"""What a process says of its end is found in the languages that adapters are written in."""

import pytest
from tornproof_conformance.adapter.speaking.last_words import last_words

LOGS = {
    "Python": (
        'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n'
        "ValueError: no such segment\n",
        "ValueError: no such segment",
    ),
    "Rust": (
        "thread 'main' panicked at src/main.rs:3:5:\nindex out of bounds\n"
        "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        "thread 'main' panicked at src/main.rs:3:5: index out of bounds",
    ),
    "Go": (
        "panic: page 2 already freed\n\ngoroutine 1 [running]:\nmain.main()\n"
        "\t/a/main.go:4 +0x25\nexit status 2\n",
        "panic: page 2 already freed",
    ),
    "Java": (
        'Exception in thread "main" java.lang.IllegalStateException: open\n'
        "\tat Main.main(Main.java:3)\nCaused by: java.io.EOFException: header\n"
        "\tat Main.read(Main.java:9)\n",
        "Caused by: java.io.EOFException: header",
    ),
    "Node": (
        "/a/index.js:10\n    throw new Error('moved')\n    ^\n\nError: moved unsafely\n"
        "    at throwError (/a/index.js:10:11) {\n  fatal: true\n}\n\nNode.js v20.20.2\n",
        "Error: moved unsafely",
    ),
    "C": (
        "store: page.c:10: read_page: Assertion `page != 0' failed.\n",
        "store: page.c:10: read_page: Assertion `page != 0' failed.",
    ),
    "no reason": ("opening\nsegment 3 is short\n\n", "segment 3 is short"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("language", LOGS)
def test_the_line_that_names_the_error_is_found(language: str) -> None:
    """And not the stack, the version or the advice behind it."""
    log, words = LOGS[language]

    assert last_words(log) == words
