"""Algorithms by name, loaded on use; plug-ins join through entry points."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from dorec.domain.errors import ConfigError, did_you_mean


@dataclass(frozen=True)
class Registry(Mapping[str, str]):
    """Names of algorithms and where each lives, as "package.module:Class".

    A package adds its own under the entry point group; a name of dorec's can't be taken over by it.

    Args:
        noun: what one of them is called in messages.
        group: the entry point group, as "dorec.recommenders".
        built_in: name -> "package.module:Class".

    Example:
        >>> shapes = Registry("graph", "dorec.no_such_group", {"edge": "dorec.domain.graph:Edge"})
        >>> shapes.make("edge", a="x", b="y", mark_a="tail", mark_b="arrow").b
        'y'
        >>> shapes.make("edje")
        Traceback (most recent call last):
        ...
        dorec.domain.errors.ConfigError: There is no graph 'edje'. Allowed: edge. Did you mean 'edge'?
    """

    noun: str
    group: str
    built_in: Mapping[str, str]

    @cached_property
    def _all(self) -> dict[str, str]:
        return {plugin.name: plugin.value for plugin in entry_points(group=self.group)} | dict(self.built_in)

    def __getitem__(self, name: str) -> str:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def load(self, name: str) -> Any:
        """The class of that name.

        Raises:
            ConfigError: there is none.
        """
        if name not in self:
            raise ConfigError(
                f"There is no {self.noun} {name!r}. Allowed: {', '.join(self)}.{did_you_mean(name, self)}"
            )
        module, _, attribute = self[name].partition(":")
        return getattr(import_module(module), attribute)

    def make(self, name: str, **settings: Any) -> Any:
        """The algorithm of that name with these hyperparameters.

        Raises:
            ConfigError: the name or a setting is unknown, or a setting is out of its bounds.
        """
        made = self.load(name)
        known = [field.name for field in fields(made)]
        for key in settings:
            if key not in known:
                has = f"Settings: {', '.join(known)}." if known else "It has none."
                raise ConfigError(f"{name} has no setting {key!r}. {has}{did_you_mean(key, known)}")
        hints = get_type_hints(made)
        for key, value in settings.items():
            if not _fits(value, hints.get(key, Any)):
                raise ConfigError(f"{key} of {name} is {value!r}, which is no {_said(hints[key])}.")
        try:
            return made(**settings)
        except TypeError as problem:
            raise ConfigError(f"{name} can't be made with {settings}: {problem}.") from None

    def purpose(self, name: str) -> str:
        """The first sentence of what the algorithm's class says of itself."""
        text = (self.load(name).__doc__ or "").strip().split("\n\n", 1)[0]
        return " ".join(text.split())

    def purposes(self) -> dict[str, str]:
        """What each algorithm is for, by name."""
        return {name: self.purpose(name) for name in self}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a plain type; of others nothing is said."""
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is Literal:
        return True  # the class names what is allowed
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (str, bool, type(None)) else True


def _said(hint: Any) -> str:
    words = {int: "whole number", float: "number", str: "text", bool: "truth value", type(None): "null"}
    return " or ".join(words.get(one, "value") for one in get_args(hint)) or words.get(hint, "value")
