"""The source of a function as a reader should see it: from its ``def`` line on, and in colour."""

from __future__ import annotations

import ast
import html
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Pygments' name of a kind of token, JupyterLab's name of its colour (which follows the theme), and the colour
#: elsewhere: dark enough on white and light enough on black.
_COLORS = (
    ("Token.Comment", "comment", "#7d7d7d"),
    ("Token.Literal.String", "string", "#c0504d"),
    ("Token.Literal.Number", "number", "#2e8b57"),
    ("Token.Keyword", "keyword", "#2f80c8"),
    ("Token.Operator.Word", "keyword", "#2f80c8"),
    ("Token.Name.Function", "def", "#9561c9"),
    ("Token.Name.Builtin", "builtin", "#2e8b8b"),
)


@dataclass(frozen=True)
class Source:
    """Python source that a notebook shows in colour."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.text, "text/html": self.to_html()}

    def to_html(self) -> str:
        """Return the source as HTML that can be read on a light and on a dark page."""
        from pygments.lexers import PythonLexer

        spans = "".join(_span(str(kind), text) for kind, text in PythonLexer().get_tokens(self.text))
        return f'<pre style="line-height: 1.3; overflow-x: auto; white-space: pre">{spans.rstrip()}</pre>'


def show_source(function: Callable[..., Any]) -> Source:
    """Return a function's source, to be the last line of a notebook's cell; of its docstring the first line."""
    return Source(source(function))


def source(function: Callable[..., Any], *, docstring: bool = True) -> str:
    """Return a function's source from its ``def`` line on, without decorators; of its docstring the first line or none.

    Raises:
        TypeError: if it was not written with ``def``.
    """
    text = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(text).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"function: got {function!r}; expected one that was written with def")
    lines = text.rstrip().splitlines()
    if ast.get_docstring(definition):
        first, last = definition.body[0].lineno - 1, definition.body[0].end_lineno
        summary = lines[first].rstrip().removesuffix('"""') + '"""'
        lines[first:last] = [summary] if docstring else []
        if not docstring and not lines[first].strip():
            del lines[first]
    return "\n".join(lines[definition.lineno - 1 :])


def _span(kind: str, text: str) -> str:
    for prefix, name, elsewhere in _COLORS:
        if kind.startswith(prefix):
            color = f"var(--jp-mirror-editor-{name}-color, {elsewhere})"
            return f'<span style="color: {color}">{html.escape(text, quote=False)}</span>'
    return html.escape(text, quote=False)
