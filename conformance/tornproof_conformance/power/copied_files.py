"""
Tell whether an implementation opens a copy of its own files, as every image of a crash is one.

Some stores tie their files to inode numbers, times or extended attributes, to notice that
somebody has moved them.  They refuse every image, whatever it has lost, so no image says
anything about them.
"""

from tornproof.errors import TornproofError
from tornproof_models.crash.subject import Options

from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.speaking.diagnosis import NoReply
from tornproof_conformance.recorder.strace import CannotRecord


def require_copies(subject: AdapterSubject) -> None:
    """
    Close a store, and open it where it is and as a copy.

    Raises `CannotRecord` if only the copy is refused, and `NoReply`.
    """
    options = Options()
    disk = subject.new_disk()
    try:
        journal = subject.open(disk, options)
        journal.append(b"copied")
        journal.close()
        subject.open(disk, options).close()
    except NoReply:
        raise
    except TornproofError:
        return  # what does not open where it was closed is for the check to judge
    try:
        subject.open(subject.new_disk(disk.image), options).close()
    except NoReply:
        raise
    except TornproofError as refused:
        raise CannotRecord(
            f"a copy of its own closed files is refused ({refused}), and every image is a copy: "
            "if it ties them to inode numbers, times or extended attributes, let the adapter "
            "switch that off"
        ) from None
