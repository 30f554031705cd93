"""Builds the object file of one module's entries, in a process of its own.

Numba's decorators take the places of ``compiled`` and ``entry`` before the module is imported. An
entry gets a second function around it that takes one pointer to words: what ``code.py`` calls. The
entries and all that they call become one LLVM module, so that what they share is there once.
"""

from __future__ import annotations

import itertools
import operator
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite.ir import Constant, Function, FunctionType, IntType, IRBuilder, Module, VoidType
from numba.core import compiler, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic, lower_builtin, models, register_model

import sensor.jit
from sensor.jit.code import described
from sensor.jit.image import image

_WORD = IntType(64)
# What LLVM may call in place of a loop.
_LIBRARY = """
define i8* @memset(i8* %start, i32 %value, i64 %size) {
  %octet = trunc i32 %value to i8
  br label %next
next:
  %i = phi i64 [0, %0], [%j, %more]
  %left = icmp ult i64 %i, %size
  br i1 %left, label %more, label %done
more:
  %place = getelementptr i8, i8* %start, i64 %i
  store i8 %octet, i8* %place
  %j = add i64 %i, 1
  br label %next
done:
  ret i8* %start
}
"""


Example = Callable[[], tuple[Any, ...]]


class Entries(dict[str, tuple[Callable[..., Any], Example]]):
    """Those of modules, by name, as they are imported."""

    def mark(self, example: Example) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            self[function.__name__] = function, example
            return function

        return decorate


def _compiled(function: Callable[..., Any], inline: bool = False) -> Any:
    # None may allocate: without reference counts (nrt) they run half as long. Nobody calls these
    # from Python or C.
    return numba.njit(
        boundscheck=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
        forceinline=inline,
    )(function)


def _inlined(function: Callable[..., Any]) -> Any:
    return _compiled(function, inline=True)


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(_: Any, array: Any, index: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start = args[0]
        if isinstance(signature.args[0], types.Array):
            start = context.make_array(signature.args[0])(context, builder, value=start).data
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        octet = builder.mul(args[1], Constant(args[1].type, size))
        octet = builder.add(octet, builder.mul(args[2], Constant(args[2].type, 8)))
        start = builder.bitcast(start, IntType(8).as_pointer())
        flags = [Constant(IntType(32), value) for value in (0, 3, 1)]  # to read, soon, data
        kind = FunctionType(VoidType(), [start.type] + [flag.type for flag in flags])
        function = builder.module.declare_intrinsic("llvm.prefetch", [start.type], kind)
        builder.call(function, [builder.gep(start, [octet]), *flags])
        return context.get_dummy_value()

    return types.none(array, types.int64, types.int64), generate


_Pointer: Any = types.CPointer  # type: ignore[attr-defined]


class _Rows(_Pointer):  # type: ignore[misc]
    """A pointer to rows: one of them is got by reference, as from an array."""


register_model(_Rows)(models.PointerModel)


@lower_builtin(operator.getitem, _Rows, types.Integer)  # type: ignore[untyped-decorator]
def _row_of(_: Any, builder: Any, __: Any, args: Any) -> Any:
    return builder.gep(args[0], [args[1]])


@intrinsic  # type: ignore[untyped-decorator]
def _pointer_to(_: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, value=args[0]).data

    pointer = _Rows if isinstance(array.dtype, types.Record) else _Pointer
    return pointer(array.dtype)(array), generate


@intrinsic  # type: ignore[untyped-decorator]
def _word_at(_: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        octets = context.make_array(signature.args[0])(context, builder, value=args[0])
        size = builder.extract_value(octets.shape, 0)
        # Unsigned, one comparison is for both ends.
        starts = builder.sub(size, Constant(size.type, 7))
        some = builder.icmp_signed(">", starts, Constant(size.type, 0))
        starts = builder.select(some, starts, Constant(size.type, 0))
        with builder.if_then(builder.icmp_unsigned(">=", args[1], starts), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, ("a word outside of the array",))
        start = builder.gep(octets.data, [args[1]])
        word = builder.load(builder.bitcast(start, _WORD.as_pointer()))
        word.align = 1
        return word

    return types.uint64(array, types.int64), generate


def _compile(function: Callable[..., Any], example: tuple[Any, ...]) -> Any:
    """Numba's result for one entry, its library complete; set as ``_compiled`` sets."""
    flags = compiler.Flags()
    flags.no_compile = True  # only LLVM's form is wanted
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.boundscheck = True
    flags.error_model = "numpy"
    flags.nrt = False
    contexts = cpu_target.typing_context, cpu_target.target_context
    kinds = tuple(map(numba.typeof, example))
    made = compiler.compile_extra(*contexts, function, kinds, None, flags, {})
    with global_compiler_lock:
        made.library.finalize()
    return made


def _results(kind: Any) -> int:
    """How many words an entry returns."""
    if kind == types.none:
        return 0
    if kind == types.int64:
        return 1
    if not isinstance(kind, types.UniTuple) or kind.dtype != types.int64:  # type: ignore[attr-defined]
        raise TypeError(f"an entry returns {kind}")
    return len(kind)


def _around(made: Any, name: str) -> tuple[Module, int]:
    """A function around an entry, and how many words it takes.

    It takes a pointer to a word for Numba's status and those of the arguments, over which it
    writes the result.
    """
    convention = cpu_target.target_context.call_conv
    kind = convention.get_function_type(made.signature.return_type, made.signature.args)
    module = Module(name)
    entry = Function(module, kind, made.fndesc.llvm_func_name)
    outer = Function(module, FunctionType(VoidType(), [_WORD.as_pointer()]), name)
    builder = IRBuilder(outer.append_basic_block())

    def word(index: int) -> Any:
        return builder.gep(outer.args[0], [Constant(_WORD, index)])

    result, fault, *parameters = kind.args
    values = []
    for index, parameter in enumerate(parameters, start=1):
        value = builder.load(word(index))
        if parameter.is_pointer:
            value = builder.inttoptr(value, parameter)
        elif parameter != _WORD:
            value = builder.trunc(value, parameter)
        values.append(value)
    returned = builder.alloca(result.pointee)
    status = builder.call(entry, [returned, builder.alloca(fault.pointee), *values])
    builder.store(builder.sext(status, _WORD), word(0))
    words = builder.bitcast(returned, _WORD.as_pointer())
    for index in range(_results(made.signature.return_type)):
        value = builder.load(builder.gep(words, [Constant(_WORD, index)]))
        builder.store(value, word(1 + index))
    builder.ret_void()
    return module, len(parameters)


def start() -> Entries:
    """Compile modules that are imported from now on; their entries are found in the answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever waits for this process ends it
    entries = Entries()
    decorators = {"compiled": _compiled, "inlined": _inlined, "entry": entries.mark}
    intrinsics = {"prefetch": _prefetch, "pointer_to": _pointer_to, "word_at": _word_at}
    vars(sensor.jit).update(decorators | intrinsics)
    return entries


def finish(entries: Entries, name: str) -> None:
    """Write what ``code.Code`` reads, of one module."""
    sys.stdout.buffer.write(_built(entries, name))


def _built(entries: Entries, name: str) -> bytes:
    whole = llvm.parse_assembly(_LIBRARY)
    found = {}
    for entry, (function, example) in entries.items():
        if function.__module__ != name:
            continue  # of a module that it imports
        compiled = _compile(function, example())
        around, words = _around(compiled, entry)
        whole.link_in(llvm.parse_assembly(compiled.library.get_llvm_str()))
        whole.link_in(llvm.parse_assembly(str(around)))
        found[entry] = words, _results(compiled.signature.return_type)
    _hide(whole, found)
    machine = _target().emit_object(whole)
    made = image(machine)
    places = made.functions if made else {}
    head = described(
        made is not None, [(name, *found[name], places.get(name, 0)) for name in found]
    )
    return head + (made.code if made else machine)


def _hide(module: Any, shown: Iterable[str]) -> None:
    """Keep names that only this module uses out of the object file: they are long."""
    for thing in itertools.chain(module.functions, module.global_variables):
        if not thing.is_declaration and thing.name not in shown:
            thing.linkage = llvm.Linkage.internal


def _target() -> Any:
    """This machine, for code that may lie anywhere."""
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="small",
    )
