"""Where objects come from, and the store that merges them.

changes     what sources say (Put, Delete, Report, Listed), and the Config that is made of it
store       Store: documents decoded once, duplicates named, ages kept; pure
memory      a source that holds what it is told
files       a watched directory; documents and yamltree read texts, settling decides when, inotify
            carries events
lastgood    the last good state of each object, kept across restarts

Sources know nothing of what objects mean, and nothing of each other.
"""

from controlplane.sources.changes import (
    EMPTY_CONFIG,
    Change,
    Config,
    Delete,
    Listed,
    Put,
    Report,
    file_key,
)
from controlplane.sources.files import FileSettings, FileSource
from controlplane.sources.lastgood import LastGood
from controlplane.sources.memory import MemorySource
from controlplane.sources.store import Store

__all__ = [
    "EMPTY_CONFIG",
    "Change",
    "Config",
    "Delete",
    "FileSettings",
    "FileSource",
    "LastGood",
    "Listed",
    "MemorySource",
    "Put",
    "Report",
    "Store",
    "file_key",
]
