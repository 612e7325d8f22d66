"""A strategy out of a Python file: found, compiled and checked before the loop starts.

Whatever is wrong with the file is one sentence (StrategyError). What could stop the loop is
refused: code that may raise (nobody would hear it), allocate, or take the GIL.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib.util
import inspect
import linecache
import re
import textwrap
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from appliance.core.strategy import Strategy
from dpdk_bindings.env.config_file import ConfigError

if TYPE_CHECKING:
    from appliance.strategy import Definition

PARAMETERS = ("event", "view", "own", "my", "intents")
NO_FUNCTION = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
# Called by compiled code that is not what the loop can call, and what that means.
FORBIDDEN = {
    "NRT_MemInfo_alloc": "allocates memory; keep what it needs in `own` and `my`, as numbers",
    "NRT_Allocate": "allocates memory; keep what it needs in `own` and `my`, as numbers",
    "numba_do_raise": "may raise or needs Python (an array's index, raise, assert, print); "
    "leave that out: the loop has nobody to tell",
}
# What compiled code may call: the same answer for the same arguments, and no system call.
PURE = re.compile(
    r"llvm\.(abs|assume|bitreverse|bswap|ceil|copysign|cos|ct(lz|pop|tz)|exp2?|fabs|floor|fma|"
    r"fmuladd|fsh[lr]|is\.fpclass|ldexp|log(2|10)?|lifetime|maximum|maxnum|mem(cpy|move|set)|"
    r"minimum|minnum|masked|nearbyint|experimental\.noalias|powi?|rint|round(even)?|sin|sqrt|"
    r"[su](max|min|add|sub|mul|shl)|trunc|vector)(\.[\w.]+)?|"
    r"mem(cpy|move|set|cmp)|"
    r"(a?(sin|cos|tan)h?|atan2|cbrt|ceil|copysign|erfc?|exp(2|m1)?|fabs|floor|fma|fmod|frexp|hypot|"
    r"ldexp|lgamma|log(10|1p|2)?|modf|nearbyint|nextafter|pow|remainder|rint|round|sqrt|tgamma|"
    r"trunc)f?|"
    r"numba_(c?pow|erfc?|fixed_fmod|frexp|gamma|ldexp|lgamma|nextafter)f?|"
    r"__(div|mod|udiv|umod|mul)ti3|__svml_\w+"
)


class StrategyError(ConfigError):
    """What is wrong with a strategy's file; one sentence."""


def split(name: str) -> tuple[Path, str]:
    """``FILE.py:FUNCTION`` as file and function; "" when none is named."""
    file, colon, function = name.rpartition(":")
    return (Path(file), function) if colon and file.endswith(".py") else (Path(name), "")


def _source(path: Path) -> bytes:
    if path.suffix != ".py":
        raise StrategyError(f"{path}: a strategy's file ends in .py; rename it")
    try:
        return path.read_bytes()
    except OSError as error:
        raise StrategyError(f"{path}: {error.strerror}; name a strategy's file, as in "
                            f"my.py:cross") from None


def file_digest(name: str) -> str:
    """The SHA-256 of a strategy's file, as a recording carries it."""
    return hashlib.sha256(_source(split(name)[0])).hexdigest()


def _line(error: BaseException, path: Path) -> str:
    """":LINE" of the file that an error comes from."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _module(path: Path, source: bytes) -> ModuleType:
    """The file, run from these very bytes: never from __pycache__, whose may be older ones."""
    module = ModuleType(f"strategy_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), vars(module))
        lines = importlib.util.decode_source(source).splitlines(keepends=True)
    except (Exception, SystemExit) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise StrategyError(
            f"{path}{_line(error, path)}: {type(error).__name__}: {said}"
        ) from None
    linecache.cache[str(path)] = (len(source), None, lines, str(path))  # for inspect and Numba
    return module


def _definition(module: ModuleType, path: Path, function: str) -> tuple[str, Definition]:
    from appliance.strategy import Definition

    found = {name: value for name, value in vars(module).items() if isinstance(value, Definition)}
    names = ", ".join(found) or "none"
    if not function and len(found) == 1:
        function = next(iter(found))
    if not function:
        raise StrategyError(f"{path}: which strategy? it has {names}; "
                            f"name one, as in {path.name}:cross")
    if function not in found:
        raise StrategyError(f"{path}: no strategy '{function}'; those under @strategy: {names}")
    definition = found[function]
    if not inspect.isfunction(definition.function) or definition.function.__name__ == "<lambda>":
        raise StrategyError(f"{path}: {function} is not a plain function; "
                            f"put @strategy straight on a def, without @njit or another decorator")
    code = definition.function.__code__
    where = f"{path}:{code.co_firstlineno}: {function}"
    if code.co_flags & NO_FUNCTION:
        raise StrategyError(f"{where} is async or has a yield; write a plain def that returns")
    stars = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if code.co_argcount != len(PARAMETERS) or code.co_kwonlyargcount or stars:
        raise StrategyError(f"{where} takes "
                            f"{len(PARAMETERS)} parameters: {', '.join(PARAMETERS)}")
    if code.co_freevars:
        raise StrategyError(f"{where} uses {code.co_freevars[0]} of the function around it; "
                            f"make that a setting or a name of the file")
    return function, definition


def _types(values: Mapping[str, Any], where: str) -> np.dtype[Any]:
    """A record of numbers; at least one, which an empty one has for nothing."""
    for name, value in values.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise StrategyError(f"{where}: {name!r} cannot be a name; use letters, digits and _")
        if not isinstance(value, int | float):
            raise StrategyError(f"{where}: {name} is a {type(value).__name__}; give a number")
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise StrategyError(f"{where}: {name} is {value}, which 64 bits do not hold; "
                                f"give a smaller number")
    fields = [(name, "f8" if isinstance(value, float) else "i8") for name, value in values.items()]
    return np.dtype(fields or [("unused", "i8")])


def _overridden(definition: Definition, settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The defaults with the configuration's values on top, of the same kinds."""
    values = dict(definition.settings)
    for name, value in settings.items():
        if name not in values:
            known = ", ".join(values) or "none"
            raise StrategyError(f"{where} has no setting '{name}'; it has {known}")
        if isinstance(values[name], int) and not isinstance(value, int):
            raise StrategyError(f"{where}: setting {name} is a whole number, not {value}")
        _types({name: value}, where)
        values[name] = float(value) if isinstance(values[name], float) else value
    return values


def _known(definition: Definition) -> None:
    """Refuses names and fields that are not there, with their line."""
    function = definition.function
    names = function.__code__.co_varnames
    fields = {names[2]: definition.own, names[3]: definition.settings}
    try:
        source, first = inspect.getsourcelines(function)
    except OSError:
        raise StrategyError(f"{function.__code__.co_filename}: the source of {function.__name__} "
                            f"is not there; write it out in the file") from None
    for node in ast.walk(ast.parse(textwrap.dedent("".join(source)))):
        at = f"{function.__code__.co_filename}:{first - 1 + getattr(node, 'lineno', 1)}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            record = node.value.id
            if record in fields and node.attr not in fields[record]:
                raise StrategyError(f"{at}: {record} has no '{node.attr}'; "
                                    f"it has {', '.join(fields[record]) or 'nothing'}")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            scopes = (function.__code__.co_varnames, function.__globals__, vars(builtins))
            if not any(node.id in scope for scope in scopes):
                raise StrategyError(f"{at}: the name '{node.id}' is not defined")


def _compiled(definition: Definition, my: np.dtype[Any], own: np.dtype[Any], where: str,
              ) -> tuple[int, Any]:
    """The C function of core/strategy.pxd: its address, and what keeps it alive."""
    from numba import cfunc, njit, types

    from appliance.strategy import EVENT, INTENTS, VIEW, Event, View, record_at

    checked = {"error_model": "numpy", "boundscheck": True, "forceinline": True}
    decide = njit(**checked)(definition.function)
    my_at, own_at = record_at(my), record_at(own)
    event_at, view_at, intents_at = record_at(EVENT), record_at(VIEW), record_at(INTENTS)
    own_offset, own_bytes = my.itemsize, own.itemsize
    i8 = types.int64

    def entry(memory, event, view, intents):  # type: ignore[no-untyped-def]
        e, v, out = event_at(event, 0), view_at(view, 0), intents_at(intents, 0)
        out.locate = e.locate  # for each intent
        decide(
            Event(i8(e.now_ns), i8(e.kind), i8(e.locate), i8(e.side), i8(e.change), i8(e.order),
                  i8(e.tag), i8(e.shares), i8(e.price), i8(e.leaves), i8(e.reason)),
            View(v.position, i8(v.open_buy_shares), i8(v.open_sell_shares), i8(v.live),
                 i8(v.bid_count), i8(v.ask_count), i8(v.levels), i8(v.bid_handles),
                 i8(v.ask_handles)),
            own_at(memory, own_offset + i8(e.locate) * own_bytes),
            my_at(memory, 0),
            out,
        )

    try:
        compiled = cfunc(types.void(*[types.voidptr] * 4), **checked)(entry)
    except Exception as error:  # Numba's own and whatever it stumbles over
        raise StrategyError(_said(error, definition, where)) from None
    code = compiled.inspect_llvm()
    for name, meaning in FORBIDDEN.items():
        if re.search(rf"call .*@{name}", code):
            raise StrategyError(f"{where} {meaning}")
    return _inlined(code, compiled.native_name, where)


def _pure(module: Any, where: str) -> None:
    """Refuses calls out of the compiled code but to mathematics: R1 and R2 hang on the rest."""
    from llvmlite.binding.value import ValueKind

    def refuse(called: str) -> StrategyError:
        return StrategyError(f"{where} calls {called}; leave that out: only mathematics is the "
                             f"same in a replay and never waits")

    for function in module.functions:
        if function.is_declaration and not PURE.fullmatch(function.name):
            raise refuse(function.name)
        for instruction in (i for block in function.blocks for i in block.instructions):
            if instruction.opcode in ("call", "invoke", "callbr"):
                *_, callee = instruction.operands
                if callee.value_kind != ValueKind.function:
                    raise refuse("a function by its address (ctypes, a function as a value)")


def _inlined(code: str, name: str, where: str) -> tuple[int, Any]:
    """The function's address, and what keeps it alive.

    Numba's C function is a wrapper that calls the compiled one and looks for an exception, and it
    says that the two stay apart. There is none: once more through LLVM, as one.
    """
    from llvmlite import binding as llvm

    module = llvm.parse_assembly(code.replace("{ noinline }", "{ alwaysinline }"))
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
    builder.getModulePassManager().run(module, builder)
    _pure(module, where)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine.get_function_address(name), engine


def _said(error: Exception, definition: Definition, where: str) -> str:
    """Numba's pages in one sentence: the last line of the user's file that it names."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    file = definition.function.__code__.co_filename
    lines = re.findall(rf"at {re.escape(file)} \((\d+)\)", text)
    at = f"{file}:{lines[-1]}" if lines else where
    if ours := re.search(r"TypingError: (\w+ must be a whole number.*)", text):
        return f"{at}: {ours[1]}"
    useless = re.compile(r"^(Failed in|During:|File |<source|There are|- Of which|Overload|\d+\)|"
                         r"Enable|This error|\s*$|[\^>]|- Resolution)")
    said = [line.strip() for line in text.splitlines() if not useless.match(line.strip())]
    return f"{at}: Numba cannot compile it: {said[0] if said else type(error).__name__}"


def load_strategy(name: str, settings: Mapping[str, Any], digest: str = "") -> Strategy:
    """The strategy ``FILE.py:FUNCTION``, compiled; StrategyError says what is wrong.

    ``digest`` is what the file's must be; "": whatever it is.
    """
    path, function = split(name)
    source = _source(path)
    found = hashlib.sha256(source).hexdigest()
    if digest and digest != found:
        raise StrategyError(f"{path} is not the file that was recorded (SHA-256 {found[:12]}, then "
                            f"{digest[:12]}); bring that one back")
    try:
        import numba  # noqa: F401
    except ImportError:
        raise StrategyError(f"{path}: a strategy in Python needs Numba; "
                            f"pip install 'tickpath[strategies]'") from None
    function, definition = _definition(_module(path, source), path, function)
    where = f"{path}:{definition.function.__code__.co_firstlineno}: {function}"
    if not isinstance(definition.own, Mapping):
        raise StrategyError(f"{where}: own is a {type(definition.own).__name__}; "
                            f"give names and numbers, as in own={{'waiting': 0}}")
    _types(definition.settings, where)
    values = _overridden(definition, settings, where)
    my, own = _types(values, where), _types(definition.own, where)
    _known(definition)
    address, code = _compiled(definition, my, own, where)
    first = np.zeros(1, np.dtype([("my", my), ("own", own, 65_536)]))
    for field, value in values.items():
        first["my"][field] = value
    for field, value in definition.own.items():
        first["own"][field] = value
    return Strategy.from_pointer(address, first.nbytes, name=f"{path.name}:{function}",
                                 keep=code, first=first.tobytes())
