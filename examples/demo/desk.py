"""Where the configuration is written: each file whole, by a rename into place."""

import os
import shutil
import time

from examples.demo.layout import STORY, Work


class Desk:
    """Both methods return the time of the change (perf_counter)."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def put(self, source: str, name: str) -> float:
        """Put story/`source` in force as config/`name`."""
        staged = self._work.staging / name
        shutil.copyfile(STORY / source, staged)
        written = time.perf_counter()
        os.replace(staged, self._work.config / name)
        return written

    def remove(self, name: str) -> float:
        written = time.perf_counter()
        (self._work.config / name).unlink()
        return written
