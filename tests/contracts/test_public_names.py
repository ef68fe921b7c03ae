"""Every public name is documented with what comes out, and every class and function with an example."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import dorec

ROOMS = sorted(m.name for m in pkgutil.iter_modules(dorec.__path__) if m.name not in {"cli", "numeric"})


def public(room):
    module = importlib.import_module(f"dorec.{room}")
    return {name: getattr(module, name) for name in getattr(module, "__all__", [])}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_what_it_hands_on(room):
    module = importlib.import_module(f"dorec.{room}")
    assert (module.__doc__ or "").strip(), f"dorec.{room} has no docstring"
    if room != "domain":
        assert public(room), f"dorec.{room} has no __all__"


@pytest.mark.parametrize("room", [*ROOMS, ""])
def test_every_public_class_and_function_has_a_docstring_with_an_example(room):
    names = public(room) if room else {n: getattr(dorec, n) for n in dorec.__all__}
    silent = []
    for name, thing in names.items():
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if inspect.isclass(thing) and (getattr(thing, "_is_protocol", False) or issubclass(thing, Exception)):
            continue
        finder = doctest.DocTestFinder(recurse=True)
        if not any(test.examples for test in finder.find(thing, name)):
            silent.append(name)
    assert silent == [], f"no runnable example: {', '.join(silent)}"
