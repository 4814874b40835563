"""The scene that these tests try things on lies beside them, not in a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
