"""The one door to numba: `kernel` compiles a function on its first call and keeps the machine code on disk, and
`emitted` gives kernels a function whose instructions are written by hand.

With NUMBA_DISABLE_JIT=1 the same function runs as plain Python, which is how the tests run every kernel a second time.

numba looks only at a kernel's own file to see whether its machine code on disk is out of date, though kernels of other
files are compiled into it. So the code is kept in a folder named after the text of all kernels.
"""

import hashlib
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

# numba ships no type information; importing it by name keeps the strict type checker on for everything else.
numba: Any = importlib.import_module("numba")
importlib.import_module("numba.extending")
INTP = numba.intp

_HERE = Path(__file__).parent
_TEXT = hashlib.blake2b(b"".join(path.read_bytes() for path in sorted(_HERE.glob("*.py"))), digest_size=8).hexdigest()


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` (nopython, without the GIL, cached on disk) and keep its type for the checker."""
    if numba.config.DISABLE_JIT:
        return _interpreted(function)
    with _cache_of_this_text():
        return cast("Callable[P, R]", numba.njit(cache=True, nogil=True)(function))


def emitted(build: Callable[..., None]) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """What a kernel calls by the name of the decorated plain function is the code that `build` makes instead.

    `build` gets LLVM's builder and the arguments: of an array, contiguous, the pointer to its data; else an intp.
    """

    def decorate(plain: Callable[P, None]) -> Callable[P, None]:
        if numba.config.DISABLE_JIT:
            return plain

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = zip(signature.args, args, strict=True)
            build(builder, *(context.make_array(t)(context, builder, a).data if t != INTP else a for t, a in kinds))
            return context.get_dummy_value()

        def typed(_context: Any, *kinds: Any) -> Any:
            arrays = [isinstance(kind, numba.types.Array) for kind in kinds]
            assert all(kind.layout == "C" for kind, array in zip(kinds, arrays, strict=True) if array), kinds
            args = [kind if array else INTP for kind, array in zip(kinds, arrays, strict=True)]
            return numba.void(*args), generate

        context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [context, *inspect.signature(plain).parameters.values()]
        typed.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
        return cast("Callable[P, None]", numba.extending.intrinsic(typed))

    return decorate


@contextmanager
def _cache_of_this_text() -> Iterator[None]:
    """Where numba decides to keep the kernels made meanwhile; where it cannot write there, it falls back on its own."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(Path(before or _HERE / "__pycache__") / f"kernels-{_TEXT}")
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def _interpreted(function: Callable[P, R]) -> Callable[P, R]:
    """Unsigned arithmetic in kernels wraps around on purpose; NumPy's scalars would warn of it."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(over="ignore"):
            return function(*args, **kwargs)

    return run
