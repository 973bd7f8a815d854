"""
Put a mutant into a module that has been imported already.

Whatever was imported keeps its functions; only their code is exchanged.  That
spares a process of its own the import of everything, for the mutants that lie in
functions.  A mutant of a table, a default or a class needs a fresh import.
"""

import gc
from collections.abc import Iterator
from inspect import CO_NEWLOCALS
from types import CodeType, FunctionType

from tests.mutants.mutation import ROOT, Mutant


def is_in_a_function(mutant: Mutant) -> bool:
    """Say whether nothing but the code of functions differs, of such as are still called."""
    for before, after in _pairs(mutant):
        if not _is_function(before):
            inner = zip(*map(_codes_in, (before, after)), strict=False)
            gone = any(
                _ran_at_import(old) and _parts_of(old) != _parts_of(new) for old, new in inner
            )
            if gone or _parts_of(before) != _parts_of(after):
                return False
    return True


def exchange(mutant: Mutant) -> int:
    """Give every function of the module the code of the mutant; return how many changed."""
    path = str(ROOT / mutant.path)
    new = {
        (before.co_qualname, before.co_firstlineno): after
        for before, after in _pairs(mutant)
        if _parts_of(before) != _parts_of(after)
    }
    changed = 0
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename == path:
            code = each.__code__
            if after := new.get((code.co_qualname, code.co_firstlineno)):
                each.__code__ = after
                changed += 1
    return changed


def _pairs(mutant: Mutant) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield each code object with what takes its place, outer ones before inner ones."""
    path = str(ROOT / mutant.path)
    before = compile((ROOT / mutant.path).read_text(encoding="utf-8"), path, "exec")
    after = compile(mutant.source, path, "exec")
    todo = [(before, after)]
    while todo:
        old, new = todo.pop()
        yield old, new
        todo += zip(*map(_codes_in, (old, new)), strict=False)


def _codes_in(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _is_function(code: CodeType) -> bool:
    """Say whether a code object is a function's, and not a module's or a class's."""
    return bool(code.co_flags & CO_NEWLOCALS)


def _ran_at_import(code: CodeType) -> bool:
    """Say whether what stands in a module or a class is a comprehension, which is not kept."""
    return code.co_name.startswith("<") and code.co_name != "<lambda>"


def _parts_of(code: CodeType) -> tuple[object, ...]:
    """
    Return what a code object does, without the lines that it came from.

    A function counts as changed if a function in it did; a module or a class does not, as
    the functions in it are exchanged themselves.
    """
    consts = tuple(
        (_parts_of(each) if _is_function(code) else each.co_name)
        if isinstance(each, CodeType)
        else (type(each), repr(each))
        for each in code.co_consts
    )
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars
