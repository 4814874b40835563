"""Which names of a notebook stand for two things, so that a cell could not be run again later."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager


@dataclass(frozen=True)
class Event:
    """What a cell does with a global name.

    Attributes:
        kind: "read" now, "read later" (in the body of a function, whenever that is called), or "bind".
        name: the name.
        thing: what it is bound to: for an import which, else only the place in the source.
    """

    kind: str
    name: str
    thing: object = None


class _Events(ast.NodeVisitor):
    """Walks over a cell in the order of its evaluation."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def _add(self, kind: str, name: str, thing: object = None) -> None:
        self.events.append(Event(kind, name, thing))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._add("read", node.id)
        elif isinstance(node.ctx, ast.Store):
            self._add("bind", node.id, node)

    def visit_Assign(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        for part in (node.value, *(node.targets if isinstance(node, ast.Assign) else [node.target])):
            if part is not None:
                self.visit(part)

    visit_AnnAssign = visit_NamedExpr = visit_Assign  # noqa: N815

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._add("read", node.target.id)
        self.visit(node.value)
        self.visit(node.target)

    def visit_For(self, node: ast.For) -> None:
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = node.module if isinstance(node, ast.ImportFrom) else None
        for alias in node.names:
            whole = module is None and alias.asname is None
            name = alias.name.split(".")[0] if whole else alias.asname or alias.name
            self._add("bind", name, (module, name if whole else alias.name))

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._add("bind", node.name, node)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.ClassDef | ast.Lambda) -> None:
        table = symtable.symtable(ast.unparse(node), "cell", "exec")
        for name in _referenced(table):  # decorators, defaults
            self._add("read", name)
        for child in table.get_children():
            for name in _global_names(child):
                self._add("read later", name)
        if not isinstance(node, ast.Lambda):
            self._add("bind", node.name, node)

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_ListComp(self, node: ast.AST) -> None:
        table = symtable.symtable(ast.unparse(node), "cell", "exec")
        for name in {
            *_referenced(table),
            *(n for child in table.get_children() for n in _global_names(child)),
        }:
            self._add("read", name)
        for symbol in table.get_symbols():
            if symbol.is_assigned():  # by :=
                self._add("bind", symbol.get_name(), node)

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815


def _referenced(table: symtable.SymbolTable) -> set[str]:
    return {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}


def _global_names(table: symtable.SymbolTable) -> set[str]:
    """Global names that a function, class or comprehension reads, or a function inside it."""
    here = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return here.union(*map(_global_names, table.get_children()))


def events(source: str) -> list[Event]:
    """What a cell does with global names, in order; lines of IPython's own are calls."""
    walk = _Events()
    walk.visit(ast.parse(TransformerManager().transform_cell(source)))
    return walk.events


def faults(sources: list[str]) -> Iterator[str]:
    """Each name that a cell reads, and that stands for something else by the time the cell might run again."""
    cells = [events(source) for source in sources]
    bound = [{event.name: event.thing for event in cell if event.kind == "bind"} for cell in cells]
    for i, cell in enumerate(cells):
        own: set[str] = set()
        for event in dict.fromkeys(cell):
            name = event.name
            if event.kind == "bind":
                own.add(name)
            elif event.kind == "read later" or name not in own:
                last = i + 1 if event.kind == "read later" else i
                before = [j for j in range(last) if name in bound[j]]
                again = [k for k in range(max(last, i), len(cells)) if name in bound[k]]
                again = [k for k in again if before and bound[k][name] != bound[before[-1]][name]]
                if again:
                    yield f"{name}: cell {i} reads that of cell {before[-1]}, and {again} bind it anew"
