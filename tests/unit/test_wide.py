"""The code written by hand for LLVM becomes machine code on processors other than the one at hand, too."""

from functools import partial
from typing import Any

import pytest
from llvmlite import binding, ir

from native import wide

binding.initialize_all_targets()
binding.initialize_all_asmprinters()
BUILDS: dict[str, tuple[Any, str]] = {
    "copy": (wide._copy, "aiaii"),
    "store": (wide._store, "aiai"),
    "store_pixel": (partial(wide._store_pixel, 2), "aiai"),
    "store_past_cache": (wide._store_past_cache, "aiai"),
    "store_joined": (wide._store_joined, "aiaiii"),
    "settle": (wide._settle, ""),
    "add_noise": (wide._add_noise, "aiaiii"),
}
"""What is built, and from what: (a)rrays and (i)ntegers."""


def machine_code(name: str, triple: str, cpu: str) -> str:
    build, kinds = BUILDS[name]
    types: dict[str, Any] = {"a": ir.IntType(8).as_pointer(), "i": ir.IntType(64)}
    module = ir.Module(name)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [types[kind] for kind in kinds]), name)
    builder = ir.IRBuilder(function.append_basic_block())
    build(builder, *function.args)
    builder.ret_void()
    target = binding.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=2)
    return str(target.emit_assembly(binding.parse_assembly(str(module))))


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize(
    ("triple", "cpu"),
    [
        ("x86_64-unknown-linux-gnu", "x86-64"),
        ("x86_64-unknown-linux-gnu", "haswell"),
        ("x86_64-unknown-linux-gnu", "sapphirerapids"),
        ("x86_64-unknown-linux-gnu", "znver5"),
        ("aarch64-unknown-linux-gnu", "neoverse-n1"),
        ("arm64-apple-darwin", "apple-m1"),
    ],
)
def test_builds_for_other_processors(name: str, triple: str, cpu: str) -> None:
    code = machine_code(name, triple, cpu)
    if name in ("store_past_cache", "store_joined"):
        assert ("movnt" if triple.startswith("x86") else "stnp") in code
    if name == "settle":
        assert "mfence" in code or "lock" in code or "dmb" in code
