"""
What usually helps against a violation of a requirement, from the mistakes that were met.

Each is a sentence or two for whoever has just seen the requirement violated for the first time.
A requirement that is not here has no usual mistake; its reason is in the chapter.
"""

from collections.abc import Mapping

REMEDIES: Mapping[str, str] = {
    "ADP-2": "Answer every operation of a claim, or do not make the claim.",
    "ADP-3": "Recovery must depend on the files alone: not on the time, random numbers, or the "
    "order in which the system lists a directory.",
    "JRN-1": "Derive an offset from what was really written, after a failure too.",
    "JRN-2": "After a short write, the next record stands behind a fragment: truncate to the last "
    "whole record before writing again.",
    "JRN-3": "Sync the file before acknowledging, and the directory after a file was created or "
    "renamed in it: the sync of a file does not cover its name.",
    "JRN-4": "Let recovery stop at the first record that is not whole; never skip one and go on.",
    "JRN-5": "Put a checksum over length and payload: without one, recovery takes zeros, or bytes "
    "of an older file, for records.",
    "JRN-6": "After an append that failed, either roll it back, or refuse until the journal is "
    "opened again.",
    "JRN-7": "After a failed fsync refuse with `poisoned`: the kernel has dropped what was dirty, "
    "and a second fsync reports success for nothing.",
    "JRN-8": "Check how many bytes a write has written; truncate what is left of one that failed.",
    "JRN-9": "Take a lock that the kernel releases when the process dies, such as flock, before "
    "anything is read.",
    "JRN-10": "Sync in an append that is asked to be durable, before it returns.",
    "JRN-11": "Sync in close, and pass its error on.",
    "JRN-12": "Keep offsets growing after recovery too.",
    "REC-1": "Open must succeed on everything that a crash can leave: an empty file, a cut header, "
    "a file that was created and whose content never arrived.",
    "REC-2": "Sync the file after truncating it, before the first append.",
    "REC-3": "Let recovery write in an order that may be interrupted anywhere and begun again.",
    "REC-4": "Truncate a torn tail before appending: what stands behind it is never read.",
    "REC-5": "Cut only what was never acknowledged; for anything else return an error, and change "
    "nothing.",
    "REC-8": "Sync what recovery keeps before showing it: it may be in the page cache alone, "
    "written by a process that was killed before its sync.",
    "REC-9": "Read record by record, and cap the heap of a runtime with a garbage collector "
    "(`java -Xmx64m`).",
    "REC-11": "Tell a failed read from the end of the file: EIO is not a torn tail.",
    "SEG-9": "Do not reuse an offset that was shown: after recovery go on behind it.",
}
