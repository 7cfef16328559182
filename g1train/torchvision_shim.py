"""Lets a CUDA build of torchvision be imported next to a CPU build of torch.

vLLM's Qwen2.5-VL code imports torchvision, of which some package registries have no CPU build. The CUDA build's Python
half works as it is, except that it registers fake kernels for two operators which its compiled half, unable to load
without CUDA, never declared. This module declares them, in whatever process first imports torchvision.

    python -c "from g1train.torchvision_shim import install; print(install())"     puts the hook into this environment

The hook is a `.pth` line, since vLLM starts processes of its own that import torchvision before any plugin is loaded.
Where torch and torchvision match it does nothing. Standard library only: it runs at every start of the interpreter.
"""

import importlib.abc
import importlib.machinery
import os
import pathlib
import sys
import sysconfig
from collections.abc import Sequence
from types import ModuleType
from typing import Any

PTH_NAME = "g1-torchvision.pth"
PTH_LINE = (
    "import importlib.util as u; "
    "u.find_spec('g1train') and __import__('g1train.torchvision_shim').torchvision_shim.arm()\n"
)
OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def mismatched() -> bool:
    """Is a CUDA build of torchvision installed next to a CPU build of torch?"""
    import importlib.metadata  # here, because it is slow and this module is loaded at every start

    try:
        torch_version, vision_version = (importlib.metadata.version(name) for name in ("torch", "torchvision"))
    except importlib.metadata.PackageNotFoundError:
        return False
    return "+cpu" in torch_version and "+cpu" not in vision_version


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Declares the operators at the first import of torchvision, then steps aside."""

    # Keeps the declaration alive: torch forgets a library that is collected.
    declared: object = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "torchvision":
            return None
        sys.meta_path.remove(self)
        if mismatched():
            from torch import library

            declared: Any = library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
            for name in OPERATORS:
                declared.define(name + SCHEMA)
            _BeforeTorchvision.declared = declared
        return None


def arm() -> None:
    """Install the import hook in this process; harmless when repeated."""
    if "torchvision" not in sys.modules and not any(isinstance(f, _BeforeTorchvision) for f in sys.meta_path):
        sys.meta_path.insert(0, _BeforeTorchvision())


def install() -> str:
    """Write or remove the `.pth` of this environment, as it needs; returns what was done."""
    target = pathlib.Path(sysconfig.get_path("purelib")) / PTH_NAME
    if not mismatched():
        target.unlink(missing_ok=True)
        return "torch and torchvision match: no hook needed"
    temporary = target.with_suffix(".tmp")
    temporary.write_text(PTH_LINE)
    os.replace(temporary, target)
    return f"torchvision is a CUDA build next to torch for CPU: hook written to {target}"
