r"""Knowledge as a file: TOML or JSON with tiers, required and forbidden edges, groups and priors.

tiers = [["age", "segment"], ["shown"], ["view"], ["purchase"]]
required = ["shown -> view"]
forbidden = ["view -> segment"]

[[priors]]
edge = "view -> purchase"
confidence = 0.9
provenance = "experiment of March"
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dorec.domain.errors import ConfigError, UnreadableSource, did_you_mean
from dorec.domain.graph import Pair
from dorec.domain.knowledge import Knowledge, Prior
from dorec.loop.graph_file import parse_graph


def read_knowledge(path: Path) -> Knowledge:
    """The knowledge in a .toml or .json file.

    Raises:
        UnreadableSource: the file is not there or can't be parsed.
        ConfigError, InputError: a key is unknown, an edge is not "a -> b", or the knowledge contradicts itself.
    """
    if not path.is_file():
        raise UnreadableSource(f"{path} does not exist. Check the path of the knowledge file.")
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, OSError) as problem:
        raise UnreadableSource(f"{path} can't be read as knowledge: {problem}. Write TOML, or JSON as .json.") from None
    return knowledge_of(data, str(path))


def knowledge_of(data: Mapping[str, Any], where: str = "the knowledge") -> Knowledge:
    """Knowledge from plain data, edges written as "a -> b".

    Example:
        >>> knowledge_of({"tiers": [["age"], ["ad"]], "forbidden": ["age -> ad"]}).forbids("age", "ad")
        True
        >>> knowledge_of({"forbiden": ["age -> ad"]})
        Traceback (most recent call last):
        ...
        dorec.domain.errors.ConfigError: Unknown key 'forbiden' in the knowledge. ... Did you mean 'forbidden'?
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where} holds no keys; write tiers, required, forbidden, groups or priors.")
    known = [field.name for field in fields(Knowledge)]
    for key in data:
        if key not in known:
            raise ConfigError(f"Unknown key {key!r} in {where}. Keys: {', '.join(known)}.{did_you_mean(key, known)}")
    given: dict[str, Any] = dict(data)
    for key in ("required", "forbidden"):
        if key in given:
            given[key] = tuple(edge(line, f"{key} of {where}") for line in _listed(given[key], key, where))
    if "tiers" in given:
        given["tiers"] = tuple(_names(tier, "tiers", where) for tier in _listed(given["tiers"], "tiers", where))
    if "groups" in given:
        if not isinstance(given["groups"], Mapping):
            raise ConfigError(f"groups in {where} is {given['groups']!r}; give names with their members.")
        given["groups"] = {str(k): _names(v, f"groups.{k}", where) for k, v in given["groups"].items()}
    if "priors" in given:
        given["priors"] = dict(_prior(one, where) for one in _listed(given["priors"], "priors", where))
    return Knowledge(**given)


def edge(line: Any, where: str) -> Pair:
    """The two ends of "a -> b".

    >>> edge("view -> cart", "required")
    ('view', 'cart')
    """
    graph = parse_graph([str(line)], where)
    if len(graph.directed) != 1 or len(graph.edges) != 1:
        raise ConfigError(f'{line!r} in {where} is no edge. Write "a -> b".')
    return graph.directed[0]


def _prior(one: Any, where: str) -> tuple[Pair, Prior]:
    if not isinstance(one, Mapping) or not {"edge", "confidence"} <= set(one) <= {"edge", "confidence", "provenance"}:
        raise ConfigError(
            f'{one!r} in the priors of {where} is no prior. Give edge = "a -> b", confidence = 0.8 and, if you like, '
            "provenance."
        )
    confidence = one["confidence"]
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise ConfigError(f"confidence is {confidence!r} in the priors of {where}; give a probability as 0.8.")
    return edge(one["edge"], f"priors of {where}"), Prior(float(confidence), str(one.get("provenance", "")))


def _listed(value: Any, key: str, where: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{key} in {where} is {value!r}; give a list.")
    return value


def _names(value: Any, key: str, where: str) -> tuple[str, ...]:
    names = _listed(value, key, where)
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{key} in {where} holds {value!r}; give the names of columns.")
    return tuple(names)
