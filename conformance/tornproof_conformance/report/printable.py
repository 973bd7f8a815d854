"""
Text that others wrote, on the way to a terminal.
"""


def printable(text: str) -> str:
    """Escape what a terminal would act on, so that evidence cannot talk to it."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text
    )
