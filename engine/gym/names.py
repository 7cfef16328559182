"""Gymnasium learns the names g1/<game>-v0 as soon as both `engine` and `gymnasium` are imported, in either order.

Importing Gymnasium takes longer than importing the engine, and most of this project does without it. So if it is not
here yet, its import is watched for, and the names are registered at the end of it; nothing is loaded for that.
"""

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

WATCHED = "gymnasium.envs"  # importing it ends with Gymnasium's own registrations


def register_when_imported(games: Iterable[str]) -> None:
    """Register each game now or when Gymnasium is imported."""
    if WATCHED in sys.modules:
        _register(games)
    else:
        sys.meta_path.insert(0, _Watch(tuple(games)))


def _register(games: Iterable[str]) -> None:
    from gymnasium.envs.registration import register, registry

    for game in games:
        if (name := f"g1/{game}-v0") not in registry:
            register(
                name,
                entry_point="engine.gym.env:G1Env",
                vector_entry_point="engine.gym.vector:G1VectorEnv",
                kwargs={"game": game},
            )


class _Watch(MetaPathFinder):
    """Finds nothing itself; lets the usual finders find the module and wraps their loader."""

    def __init__(self, games: tuple[str, ...]) -> None:
        self.games = games

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != WATCHED:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader, self.games)
        return spec


class _Then(Loader):
    """Loads a module as its own loader does, then registers."""

    def __init__(self, loader: Loader, games: tuple[str, ...]) -> None:
        self.loader, self.games = loader, games

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        _register(self.games)
