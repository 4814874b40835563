"""An open course in Python: eight lessons after eight articles by Su Jianlin (科学空间, kexue.fm).

Each lesson is a notebook with a room of the same name in this package; `sjedu.course.LESSONS` lists them.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sjedu")
except PackageNotFoundError:  # a checkout that was put on the path without being installed
    __version__ = "0+unknown"
