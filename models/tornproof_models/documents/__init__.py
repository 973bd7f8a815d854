"""
Read files that come from outside, with limits, in one place.

`limits` is the table of how much is read, `files` gets the bytes of a file and `values`
takes a document apart.  Whatever is not as it should be is an `Invalid` of one line:
which file, where in it, what is there and what was expected.
"""
