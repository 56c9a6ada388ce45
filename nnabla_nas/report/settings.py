"""What distinguishes experiments: their settings by dotted path, without what decides nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# Where a run writes and on what it runs; none of it changes a result, or it is told elsewhere.
_NO_SETTINGS = {"environment", "output_path", "threads", "device_id", "print_frequency"}
# Settings that name files, which other runs may have written.
FILES = ("network.genotype", "network.weights")
Settings = dict[str, Any]


def settings(config: Mapping[str, Any]) -> Settings:
    """Return the values of an experiment by dotted path; lists and empty objects are values.

    Args:
        config: the content of config.json.
    """
    return _flat({key: value for key, value in config.items() if key not in _NO_SETTINGS}, "")


def _flat(config: Mapping[str, Any], prefix: str) -> Settings:
    flat: Settings = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def group_key(found: Settings, by: str) -> str:
    """Return a text that is equal for runs that differ in nothing but one setting and files.

    Args:
        found: the settings.
        by: the setting.
    """
    kept = {key: value for key, value in found.items() if key != by and key not in FILES}
    return json.dumps(kept, sort_keys=True)


def without_number(path: str, number: Any) -> str:
    """Return a path in which the last folder that ends in a number ends in `*` instead.

    Args:
        path: of a file, such as `log/search/seed-3/arch.h5`.
        number: such as 3.
    """
    ending = re.compile(rf"(?<![\d.]){re.escape(str(number))}$")
    *folders, file = path.split("/")
    for index in reversed(range(len(folders))):
        if ending.search(folders[index]):
            folders[index] = ending.sub("*", folders[index])
            break
    return "/".join([*folders, file])


def differing(many: Iterable[Settings]) -> list[str]:
    """Return the keys of settings that are not the same in all experiments.

    Args:
        many: their settings.
    """
    listed = list(many)
    keys = dict.fromkeys(key for one in listed for key in one)
    first = listed[0] if listed else {}
    return [k for k in keys if any(one.get(k) != first.get(k) for one in listed)]


def in_short(key: str, value: Any) -> str:
    """Return a setting in a few letters.

    Args:
        key: its dotted path.
        value: its value.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{key.rpartition('.')[2]}={text if len(text) <= 40 else text[:37] + '...'}"
