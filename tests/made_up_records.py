"""Records of runs that nobody made, for tests of what is read from records."""

from sjedu.records import Record


def made_up(name, config, metrics, *, lesson="rope_2d", seed=0):
    """Return the record of a run with this name, config and these metrics; all else is plausible."""
    return Record(
        lesson=lesson,
        name=name,
        config=config,
        seed=seed,
        commit=None,
        dirty=False,
        device="cpu (1 thread)",
        versions={"torch": "2"},
        date="2026-01-01",
        seconds=1.0,
        metrics=metrics,
        curves={},
        data="",
    )
