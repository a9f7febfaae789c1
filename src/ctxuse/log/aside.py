"""Files beside the log to which a repair copies what it is going to touch."""

import os
import time

from ctxuse.errors import MaintenanceError
from ctxuse.layout import USAGE_DIR, WorkspaceLayout
from ctxuse.log.durable import sync_directories, sync_file
from ctxuse.log.place import close, open_regular, open_usage_dir, what_happened
from ctxuse.times import file_time


class Aside:
    """A new file in ``_usage`` that is made by the first write.

    Args:
        layout: The workspace.
        word: What the file's name begins with; the time follows.

    Attributes:
        name: The file's name, None while there is no file.
    """

    def __init__(self, layout: WorkspaceLayout, word: str) -> None:
        self.name: str | None = None
        self._root = os.fspath(layout)
        self._word = word
        self._descriptor = -1

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises: MaintenanceError."""
        try:
            if self._descriptor < 0:
                self._open()
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise self._failed(error) from error

    def sync(self) -> None:
        """Bring what was written to the disk. Raises: MaintenanceError."""
        try:
            sync_file(self._descriptor)
            sync_directories(self._root)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> None:
        name = f"{self._word}.{file_time(time.time_ns())}"
        directory = open_usage_dir(self._root, create=False)
        try:
            self._descriptor = open_regular(name, directory, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        finally:
            close(directory)
        self.name = name

    def _failed(self, error: OSError) -> MaintenanceError:
        path = os.path.join(self._root, *USAGE_DIR, self.name or self._word)
        return MaintenanceError(path, "copy aside", what_happened(error))
