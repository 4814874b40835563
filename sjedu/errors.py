"""How a notebook shows an error that says all in its message."""

from __future__ import annotations


class InOneSentence:
    """An error that IPython shows by its message, without the frames that it came through."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
