"""An adapter: it lets Tornproof judge your journal.  Fill in what is marked TODO, from the top."""

from kit import serve

NAME, VERSION = "my journal", "0.1"  # TODO: the name of your journal


class Journal:
    def __init__(self, directory):
        # Create the journal in this directory, or open and recover the one that is there.
        raise NotImplementedError  # TODO

    def append(self, payload, durable):
        # Append a record of bytes, and return its offset: any integer that only grows.
        # If `durable`, return when the record survives a loss of power.
        raise NotImplementedError  # TODO

    def scan(self):
        # Yield (offset, payload) of each record, from the oldest on.
        raise NotImplementedError  # TODO

    def close(self):
        # Make everything durable that was appended, and close the journal.
        raise NotImplementedError  # TODO


serve(NAME, VERSION, Journal)
