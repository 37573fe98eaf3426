"""Finds the functions: every stage and task in the packages beside this module."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from shared.pipeline.stage import Function, Stage, Task


def find_functions(package: ModuleType) -> list[Function]:
    """The stages and tasks that the modules of the packages inside `package` define.

    Raises ImportError, which names the module that cannot be imported.
    """
    return [
        function
        for subject in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        if subject.ispkg
        for module in _modules(subject.name)
        for function in _defined_in(module)
    ]


def _modules(name: str) -> Iterator[ModuleType]:
    """The package of that name and the modules inside it, at any depth, sorted by name."""
    package = _import_module(name)
    yield package
    for module in pkgutil.iter_modules(package.__path__, f"{name}."):
        if module.ispkg:
            yield from _modules(module.name)
        else:
            yield _import_module(module.name)


def _import_module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except Exception as error:
        raise ImportError(f"{name} cannot be imported: {error!r}", name=name) from error


def _defined_in(module: ModuleType) -> list[Function]:
    """Whether the module defines the function. Imported functions belong to their own module."""
    found = [value for value in vars(module).values() if isinstance(value, Stage | Task)]
    return [one for one in found if one.handler.__module__ == module.__name__]
