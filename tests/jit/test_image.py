"""Images against the same object file linked by LLVM, and what no image is made of."""

from __future__ import annotations

import ctypes
import platform
import random
from typing import Any

import llvmlite.binding as llvm
import pytest

from sensor.jit.code import Code, Executable, _linked, described
from sensor.jit.image import image

# A table of numbers, one of jumps, a call, a variable without content.
SOURCE = """
@numbers = internal constant [4 x i64] [i64 11, i64 22, i64 33, i64 44]
@empty = internal global [8 x i64] zeroinitializer

define internal i64 @pick(i64 %i) noinline {
  switch i64 %i, label %other [
    i64 0, label %zero
    i64 1, label %one
    i64 2, label %two
    i64 3, label %three
    i64 4, label %four
  ]
zero:
  ret i64 1000
one:
  ret i64 2001
two:
  ret i64 -5
three:
  ret i64 77
four:
  ret i64 123456789
other:
  ret i64 0
}

define void @work(i64* %words) {
  %place = getelementptr i64, i64* %words, i64 1
  %i = load i64, i64* %place
  %picked = call i64 @pick(i64 %i)
  %index = and i64 %i, 3
  %at = getelementptr [4 x i64], [4 x i64]* @numbers, i64 0, i64 %index
  %number = load volatile i64, i64* %at
  %none = getelementptr [8 x i64], [8 x i64]* @empty, i64 0, i64 %index
  %nothing = load volatile i64, i64* %none
  %sum = add i64 %picked, %number
  %all = add i64 %sum, %nothing
  store i64 %all, i64* %place
  ret void
}
"""
EXPECTED = [1011, 2023, 28, 121, 123456800, 22, 33]


def object_file(source: str = SOURCE, **options: Any) -> bytes:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    options = {"reloc": "pic", "codemodel": "small", "opt": 0} | options
    target = llvm.Target.from_default_triple().create_target_machine(**options)
    made: bytes = target.emit_object(llvm.parse_assembly(source))
    return made


def results(code: Code) -> list[int]:
    work = code.function("work")
    return [work([i]) for i in range(len(EXPECTED))]


on_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="images are made for x86-64; others are linked by LLVM"
)


@on_x86
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_an_image_does_what_linked_code_does(level: int) -> None:
    data = object_file(opt=level)
    made = image(data)
    assert made is not None
    head = described(True, [("work", 1, 1, made.functions["work"])])
    assert results(Code(head + made.code)) == EXPECTED
    assert results(Code(described(False, [("work", 1, 1, 0)]) + data)) == EXPECTED


@on_x86
def test_an_image_lies_anywhere() -> None:
    made = image(object_file())
    assert made is not None
    copies = [Executable(made.code, made.functions) for _ in range(3)]
    starts = {copy.get_function_address("work") for copy in copies}
    assert len(starts) == 3
    for start in starts:
        words = (ctypes.c_int64 * 2)(0, 3)
        ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_int64))(start)(words)
        assert words[1] == EXPECTED[3]


@pytest.mark.parametrize(
    "source",
    [
        "declare i64 @getpid()\ndefine i64 @work() { %x = call i64 @getpid() ret i64 %x }",
        "@there = external global i64\n"
        "define i64 @work() { %x = load i64, i64* @there ret i64 %x }",
    ],
)
def test_what_needs_others_makes_no_image(source: str) -> None:
    assert image(object_file(source)) is None


def test_code_for_another_processor_makes_no_image() -> None:
    data = bytearray(object_file())
    data[18] = 183  # AArch64
    assert image(bytes(data)) is None
    assert image(b"\xcf\xfa\xed\xfe" + bytes(100)) is None  # Mach-O


def test_llvm_links_what_makes_no_image() -> None:
    source = "declare i64 @labs(i64)\ndefine void @work(i64* %w) {\n"
    source += "  %p = getelementptr i64, i64* %w, i64 1\n  %i = load i64, i64* %p\n"
    source += "  %x = call i64 @labs(i64 %i)\n  store i64 %x, i64* %p\n  ret void\n}"
    data = object_file(source)
    assert image(data) is None
    number = random.Random(1).randrange(1 << 60)
    assert Code(described(False, [("work", 1, 1, 0)]) + data).function("work")([-number]) == number
    assert _linked(data).get_function_address("work") != 0
