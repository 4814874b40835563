"""What has changed in records and configs, so that what was measured under an older version can still be read.

A record says its schema. `MIGRATIONS` carries one from each schema to the next. A config gains fields more often than a
record does; `FIELDS_ADDED` says what was in effect before they were there, which need not be today's default.

To add a field to a room's `Config`: add it to `FIELDS_ADDED`. To rename one or give its values another meaning: add a
schema and its step to `MIGRATIONS`. Then rewrite the package's records by ``python -m sjedu record --migrate``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: The schema of records as they are written today.
SCHEMA = 2


def _one_line_a_run(fields: dict[str, Any]) -> dict[str, Any]:
    """From 1, a file for each run, found by the run's name, as were the pictures beside it; now a record names them.

    The bound of gradients was ``clip`` in two rooms, 0 or None for none, and is ``max_grad_norm``, None for none.
    """
    config = dict(fields.get("config", {}))
    config = {_RENAMED.get(name, name): config[name] for name in config}
    if "max_grad_norm" in config:
        config["max_grad_norm"] = config["max_grad_norm"] or None
    return {**fields, "config": config, "schema": 2, "files": {}}


_RENAMED = {"clip": "max_grad_norm"}

#: From each schema to the next, on the plain values of a record; they may change what they are given.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _one_line_a_run}

#: By room: fields that its configs gained after runs were recorded, with the value that was in effect before.
FIELDS_ADDED: dict[str, dict[str, Any]] = {
    "contrastive_accumulation": {"layers": 2},  # there was no Transformer
    "roformer": {
        "kind": None,
        "verdict_rate": 0.6,  # `embedded_corpus` had this default
        "max_grad_norm": 1.0,
    },
    "roformer_sim": {"max_grad_norm": 1.0},
    "supervised_similarity": {"dropout": 0.0},  # models were loaded in evaluation mode
    "vmf_vae": {"max_grad_norm": None},
    "wgan": {"decay": False, "fakes": 1},
}


def migrate(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of a record at today's schema.

    Raises:
        ValueError: if it is at no schema that is known.
    """
    schema = _number(fields.get("schema"))
    if schema != SCHEMA and schema not in MIGRATIONS:
        known = ", ".join(map(str, (*MIGRATIONS, SCHEMA)))
        raise ValueError(f"schema: got {fields.get('schema')!r}; expected one of {known}")
    migrated = dict(fields)
    while schema != SCHEMA:
        migrated = MIGRATIONS[schema](migrated)
        schema = migrated["schema"]
    return migrated


def _number(schema: Any) -> Any:
    return 1 if schema == "sjedu.training.record/1" else schema  # the first was a name
