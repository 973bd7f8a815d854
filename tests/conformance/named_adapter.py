"""
One command that serves many implementations; the path it is given says which.

Starting a process for each would cost more than judging it.
"""

from attrs import define
from tornproof_conformance.adapter.adapter_subject import AdapterSubject
from tornproof_conformance.adapter.directory_disk import DirectoryDisk
from tornproof_models.disk.trace import Image


@define(eq=False)
class NamedAdapter(AdapterSubject):
    """An adapter that finds the name of what it is to be in the path of its directory."""

    serves: str = ""

    def new_disk(self, image: Image | None = None) -> DirectoryDisk:
        """Make a directory with the name in its path."""
        self._disks += 1
        root = self._root / self.serves / str(self._disks)
        root.parent.mkdir(exist_ok=True)
        return DirectoryDisk(root, self._kill_on, image)
