"""Fields of a config that take one of a few names."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

from sjedu.checks import check_choice


def check_choices(config: Any) -> None:
    """Demand of each field that is annotated with a `Literal` one of its values; for a config's `__post_init__`.

    An annotation alone refuses nothing when the program runs.

    Args:
        config: a dataclass.

    Raises:
        ValueError: for the first field with another value; names the field, the value and the choices.
    """
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal:
            check_choice(name, getattr(config, name), get_args(hint))
