"""``python -m sjedu``: the course from a terminal."""

import sys

from sjedu.course.cli import main

if __name__ == "__main__":
    sys.exit(main())
