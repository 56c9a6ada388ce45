"""What an experiment needs depends on whether its algorithm searches or trains."""

from __future__ import annotations

from collections.abc import Collection

from nnabla_nas.registry import runners


def searches(algorithm: str) -> bool | None:
    """Return whether an algorithm searches, or None while its module has not been imported.

    Args:
        algorithm: a registered name, or `package.module:name`.
    """
    return runners.entry(algorithm).searches if algorithm in runners.names() else None


def phases_of(algorithm: str, searching: bool) -> tuple[str, ...]:
    """Return the entries of `optimizer` that an algorithm learns by, where it runs so long.

    Args:
        algorithm: a registered name; a user's own once its module has been imported.
        searching: whether it searches.
    """
    own = runners.entry(algorithm).phases
    usual = ("train", "valid", "warmup") if searching else ("train",)
    return usual if own is None else own


def default_portion(searching: bool | None) -> float:
    """Return the share of the training set that trains model parameters.

    Args:
        searching: whether the algorithm searches.
    """
    return 0.5 if searching else 1.0


def search_allowed(search: bool, algorithm: str, searching: bool) -> str | None:
    """Return which value of `search` suits an algorithm, or None if this one does.

    Args:
        search: whether the search network is to be built.
        algorithm: the algorithm's name.
        searching: whether it searches.
    """
    if search == searching:
        return None
    if searching:
        return f"true: {algorithm} searches (leave out --no-search)"
    return f"false: {algorithm} trains (use --no-search, or name a searcher with -a)"


def missing_phases(
    phases: Collection[str], algorithm: str, searching: bool, epoch: int, warmup: int
) -> str | None:
    """Return which entries of `optimizer` an algorithm lacks, or None.

    Args:
        phases: the names of the entries that are given.
        algorithm: the algorithm's name.
        searching: whether it searches.
        epoch: epochs of search or training.
        warmup: epochs of warm-up; only searchers warm up.
    """
    needed = {
        "train": (epoch > 0, f"epoch {epoch}"),
        "valid": (epoch > 0, f"epoch {epoch}"),
        "warmup": (warmup > 0, f"warmup {warmup}"),
    }
    learns = phases_of(algorithm, searching)
    missing = {
        name: why
        for name, (need, why) in needed.items()
        if need and name in learns and name not in phases
    }
    if not missing:
        return None
    names = " and ".join(f"'{name}'" for name in missing)
    reasons = " and ".join(dict.fromkeys(missing.values()))
    return f"an object with {names}, which {algorithm} needs for {reasons}"


def unused_keys(
    phases: Collection[str],
    algorithm: str,
    searching: bool,
    warmup: int,
    more: Collection[str] = (),
) -> list[str]:
    """Return one notice for each key that is given for the other kind of algorithm.

    Args:
        phases: the names of the entries of `optimizer` that are given.
        algorithm: the algorithm's name.
        searching: whether it searches.
        warmup: epochs of warm-up; only searchers warm up.
        more: entries of `optimizer` that something else needs, such as an evaluator.
    """
    learns = phases_of(algorithm, searching)
    used = {name for name in learns if name != "warmup" or warmup} | {*more}
    keys = [
        f"optimizer.{name}" for name in ("train", "valid", "warmup") if name in {*phases} - used
    ]
    if warmup and "warmup" not in learns:
        keys.append("warmup")
    return [f"{key} is not used by {algorithm}" for key in keys]
