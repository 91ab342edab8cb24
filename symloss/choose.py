"""Chooses by measurement in which numbers a function is computed: floats wherever they are good enough.

The search is short and has no randomness of its own. A function that misses its limit in floats is tried in extended
numbers where a few tests tell that floats fail, then in pairs of floats, likewise, then in extended numbers everywhere;
float32 is tried by way of float64, and in float32 where a target computes it in float64 anyhow. What is measured as
good stays; what nothing mends is what leaves fewest bad points.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import combinations
from pathlib import Path

from symloss.arithmetic import FLOATS, FUNCTIONS, Arithmetic, Doubt, keeps_float32_digits
from symloss.declare import ClassLabel, Loss
from symloss.declare.loss import Parameter
from symloss.errors import UnsupportedError
from symloss.measured import bare_texts
from symloss.modules import Mathematics
from symloss.targets import Target, find
from symloss.verify.certificate import DTYPES, Line, measure
from symloss.verify.faces import open_module
from symloss.verify.frameworks import DifferentiatedModule
from symloss.verify.measure import Error, Examiner
from symloss.verify.modules import NumpyModule
from symloss.verify.oracle import Oracle

# Sizes that are in no doubt: squares and products of such results and inputs stay far inside the floats.
_RESULTS = (2.0**-500, 2.0**500)
_INPUTS = (2.0**-100, 2.0**100)
_ORDINARY = 16  # times the default, a parameter is in no doubt
_MARGIN = 0.97  # of the limit, on every grid
_OTHER_GRIDS = (600, 150)  # points of further grids, which look elsewhere
_ROUNDS = 3  # tests are chosen anew this often, when the last ones missed a point

Write = Callable[[Arithmetic, Path], Path]  # writes a module into a folder; gives its path


@dataclass
class Choice:
    """What is known so far: the arithmetic, and the lines of every function as it is now, for each dtype."""

    arithmetic: Arithmetic = FLOATS
    lines: dict[tuple[str, str], Line] = field(default_factory=dict)

    def failing(self, dtype: str) -> tuple[str, ...]:
        """The functions that miss the limit, or barely meet it."""
        return tuple(name for name in FUNCTIONS if not _is_safe(self.lines[dtype, name]))


def choose_for(
    mathematics: Mathematics,
    siblings: list[Mathematics],
    target: str,
    dtypes: tuple[str, ...],
    points: int,
    oracle: Oracle,
) -> tuple[Arithmetic, tuple[Line, ...]]:
    """The arithmetic for one form among its siblings, and the certificate of the module that it makes.

    Raises CompilerError where a target is built and there is no compiler.
    """
    spelling = find(target)

    def write(arithmetic: Arithmetic, folder: Path) -> Path:
        for ending, text in bare_texts(mathematics, siblings, spelling, arithmetic).items():
            (folder / f"{mathematics.loss.name}{ending}").write_text(text, encoding="utf-8")
        if spelling.is_built:
            from symloss.compile import build, find_compiler

            list(build([folder / f"{mathematics.loss.name}.c"], find_compiler()))
        return folder / f"{mathematics.loss.name}.py"

    kept = keeps_float32_digits(mathematics.kernel)
    return choose(mathematics.loss, spelling, write, dtypes, points, oracle, kept)


def choose(
    loss: Loss,
    target: Target,
    write: Write,
    dtypes: tuple[str, ...],
    points: int,
    oracle: Oracle,
    kept: frozenset[str] = frozenset(),
) -> tuple[Arithmetic, tuple[Line, ...]]:
    """The arithmetic for one form, and the certificate of the module that ``write`` makes of it.

    The functions in ``kept`` keep their float32 digits.
    """
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(loss, target, write, points, oracle, Path(folder))
        if target.extended is None:
            return _choose_precision(bench, dtypes, kept)
        choice = Choice()
        for dtype in dtypes:
            bench.take(choice, dtype)
        if "float64" in dtypes:
            for _ in range(_ROUNDS):
                known = choice.arithmetic
                _extend(bench, choice)
                if choice.arithmetic == known:
                    break
                bench.take(choice, "float64")
        before = choice.arithmetic
        if "float32" in dtypes:
            if target.in_loops:  # where float32 is computed in float64 as it is
                for name in choice.failing("float32"):
                    _doubt_more(bench, choice, name, choice.arithmetic, choice.lines["float32", name])
            else:
                _double(bench, choice, kept)
        for dtype in dtypes:  # one code serves both dtypes: what changed after it was measured is measured again
            changed = _changed(choice.arithmetic, FLOATS if dtype == "float32" else before)
            if any(dtype == "float64" or name not in choice.arithmetic.doubled for name in changed):
                bench.take(choice, dtype)
        if "float32" in dtypes and target.single is not None:
            _halve(bench, choice)
    return choice.arithmetic, tuple(choice.lines[dtype, name] for dtype in dtypes for name in FUNCTIONS)


def _choose_precision(
    bench: _Bench, dtypes: tuple[str, ...], kept: frozenset[str]
) -> tuple[Arithmetic, tuple[Line, ...]]:
    """For a target of floats alone, in every mode: float64 for what misses the limit in float32."""
    found = {dtype: tuple(bench.lines(FLOATS, dtype)) for dtype in dtypes}
    weak = [line for line in found.get("float32", ()) if not _is_safe(line)]
    doubled = frozenset(line.measurement.function for line in weak) - kept
    arithmetic = Arithmetic(doubled=doubled)
    if doubled:
        found["float32"] = tuple(bench.lines(arithmetic, "float32"))
    return arithmetic, tuple(line for dtype in dtypes for line in found[dtype])


def _changed(new: Arithmetic, old: Arithmetic) -> tuple[str, ...]:
    """The functions whose code for float64 differs."""
    return tuple(
        name
        for name in FUNCTIONS
        if new.extended.get(name) != old.extended.get(name) or (name in new.paired) != (name in old.paired)
    )


class _Bench:
    """Measures variants of one module; the truth is computed once."""

    def __init__(self, loss: Loss, target: Target, write: Write, points: int, oracle: Oracle, folder: Path) -> None:
        self.loss = loss
        self.target = target
        self.write = write
        self.points = points
        self.oracle = oracle
        self.folder = folder
        self.examiners: dict[str, Examiner] = {}
        self.made = 0

    def lines(self, arithmetic: Arithmetic, dtype: str) -> Iterator[Line]:
        """The functions of the module that this arithmetic makes, in one dtype; each on the zeros of the others too."""
        module = self._module(arithmetic)
        if dtype not in self.examiners:
            self.examiners[dtype] = Examiner(
                self.loss, DTYPES[dtype], self.oracle, module.fixed, flushes=module.flushes
            )
        grids = (self.points, *(points for points in _OTHER_GRIDS if points < self.points))
        examiner = self.examiners[dtype]
        found = [measure(examiner, module, dtype, points, with_compilers=True) for points in grids]
        return (reduce(_least_safe, lines) for lines in zip(*found, strict=True))

    def take(self, choice: Choice, dtype: str) -> None:
        """Measure the choice as it is."""
        for line in self.lines(choice.arithmetic, dtype):
            choice.lines[dtype, line.measurement.function] = line

    def _module(self, arithmetic: Arithmetic) -> NumpyModule | DifferentiatedModule:
        self.made += 1
        folder = self.folder / f"try_{self.made}"
        folder.mkdir()
        return open_module(self.loss, self.target.name, self.write(arithmetic, folder))


def _extend(bench: _Bench, choice: Choice) -> None:
    """Dearer numbers for every function that misses the limit in float64."""
    for name in choice.failing("float64"):
        in_floats = _in_floats(choice.arithmetic, name)
        in_pairs = replace(in_floats, paired=in_floats.paired | {name})
        bases = [in_floats] if bench.target.pairs is None else [in_floats, in_pairs]
        if not any(_with_tests(bench, choice, name, base) for base in bases):
            _tried(bench, choice, name, _with(in_floats, name, ()))


def _with_tests(bench: _Bench, choice: Choice, name: str, base: Arithmetic) -> bool:
    """Whether the base is good, with extended numbers where a few tests, or all there are, tell that it fails."""
    is_taken = choice.arithmetic == base
    line = choice.lines["float64", name] if is_taken else _tried(bench, choice, name, base)
    bad = list(line.measurement.bad)
    known = _tests(bench.loss)
    for round_ in range(_ROUNDS):
        if _is_safe(line):
            return True
        doubts = _telling(known, bad) if round_ + 1 < _ROUNDS else tuple(known)
        if not doubts or not bad:
            return False
        line = _tried(bench, choice, name, _with(base, name, doubts))
        bad += line.measurement.bad
    return _is_safe(line)


def _in_floats(arithmetic: Arithmetic, name: str) -> Arithmetic:
    extended = {other: doubts for other, doubts in arithmetic.extended.items() if other != name}
    return replace(arithmetic, extended=extended, paired=arithmetic.paired - {name})


def _with(base: Arithmetic, name: str, doubts: tuple[Doubt, ...]) -> Arithmetic:
    return replace(base, extended=dict(sorted({**base.extended, name: doubts}.items())))


def _tried(bench: _Bench, choice: Choice, name: str, arithmetic: Arithmetic, dtype: str = "float64") -> Line:
    """One function as measured in an arithmetic, which is kept where it is better."""
    line = next(item for item in bench.lines(arithmetic, dtype) if item.measurement.function == name)
    if _is_better(line, choice.lines[dtype, name]):
        choice.arithmetic = arithmetic
        choice.lines[dtype, name] = line
    return line


def _double(bench: _Bench, choice: Choice, kept: frozenset[str]) -> None:
    """float64 for every function that misses the limit in float32, and there what that then needs."""
    for name in (item for item in choice.failing("float32") if item not in kept):
        doubled = replace(choice.arithmetic, doubled=choice.arithmetic.doubled | {name})
        line = _tried(bench, choice, name, doubled, "float32")
        if not _is_safe(line):
            _doubt_more(bench, choice, name, doubled, line)


def _halve(bench: _Bench, choice: Choice) -> None:
    """float32 for all functions of float32, if every one is good in it."""
    arithmetic = replace(choice.arithmetic, single=True)
    try:
        lines = tuple(bench.lines(arithmetic, "float32"))
    except UnsupportedError:  # it has a constant that is no float
        return
    if all(map(_is_safe, lines)):
        choice.arithmetic = arithmetic
        choice.lines |= {("float32", line.measurement.function): line for line in lines}


def _doubt_more(bench: _Bench, choice: Choice, name: str, base: Arithmetic, line: Line) -> None:
    """Further tests for what misses the limit in float32 though it is computed in float64."""
    already = base.extended.get(name)
    if already != ():
        doubts = _telling(_tests(bench.loss), [*line.measurement.bad])
        more = tuple(doubt for doubt in doubts if doubt not in (already or ()))
        _tried(bench, choice, name, _with(base, name, (*(already or ()), *more)), "float32")


def _is_safe(line: Line) -> bool:
    """Certified, and not by a hair."""
    worst = line.measurement.worst_conditioned
    return line.is_certified and (worst is None or worst.conditioned <= _MARGIN * line.limit)


def _least_safe(line: Line, other: Line) -> Line:
    """The line of an earlier grid, or that of a later one where only this one finds fault."""
    return other if _is_safe(line) and not _is_safe(other) else line


def _is_better(new: Line, old: Line) -> bool:
    """Safe, or fewer bad points; a number that is counted to its end says more than one that is not."""
    return _is_safe(new) or new.measurement.bad_count < old.measurement.bad_count


def _telling(known: list[Doubt], bad: list[Error]) -> tuple[Doubt, ...]:
    """The fewest tests of which one holds at every bad point; none where they can't tell."""
    for count in range(1, len(known) + 1):
        for chosen in combinations(known, count):
            if all(any(doubt.holds(_number(doubt.name, error)) for doubt in chosen) for error in bad):
                return chosen
    return ()


def _tests(loss: Loss) -> list[Doubt]:
    inputs = [Doubt("y_pred", *_INPUTS)]
    if not isinstance(loss.y_true, ClassLabel):
        inputs.append(Doubt("y_true", *_INPUTS))
    return [Doubt("result", *_RESULTS), *(_of_parameter(item) for item in loss.parameters), *inputs]


def _of_parameter(item: Parameter) -> Doubt:
    """Out of the ordinary: 16 times the default, a 16th of it, or most of the way to a finite limit.

    That is three quarters, or half where the default is the other limit and so turns the parameter off.
    """
    lower, upper, default = item.domain.lower, item.domain.upper, float(item.default)
    left = (upper - default) / (2 if default == lower else 4)
    highest = upper - left if math.isfinite(upper) else math.inf
    lowest = default / _ORDINARY if lower >= 0 and default > 0 else 0.0
    return Doubt(item.name, lowest, min(_ORDINARY * (abs(default) or 1.0), highest))


def _number(name: str, error: Error) -> float:
    """What a test looks at: an input that is 0 looks ordinary."""
    if name == "result":
        return error.got
    number = error.point.constants.get(name, getattr(error.point, name, None))
    entry = number[error.entry] if isinstance(number, tuple) else number
    assert isinstance(entry, float | int)
    return 1.0 if entry == 0 and name in ("y_true", "y_pred") else float(entry)
