"""The toy run of these tests is a script too: it lies beside them, not in a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
