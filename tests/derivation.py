"""What deriving and emitting costs: ``python -m tests.derivation [--repeat N] [--json]``.

Three tables of medians in seconds, NumPy module and all: against the number of terms, against how deep terms are
nested, and the catalogue, slowest first. SymPy's cache is emptied before every run. Sizes of axes are symbols, so they
have no part in it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

from sympy import Expr, Rational, exp, log, sqrt
from sympy.core.cache import clear_cache

from symloss import Loss, catalogue, load, y_pred, y_true
from symloss.declare import Arrays, Axis, Data, Vectors, log_sum_exp_over, real, sum_over

COUNTS = (1, 2, 4, 8, 16)
DEPTHS = (1, 2, 3, 4, 5)

K = Axis("K").index("k")
BATCH, FEATURES = Axis("N"), Axis("D")
AT, BESIDE, D = BATCH.index("i"), BATCH.index("j"), FEATURES.index("d")
VECTORS = {"y_true": Vectors("K", real), "y_pred": Vectors("K", real)}
EMBEDDINGS = {"y_true": Arrays(("N", "D"), real), "y_pred": Arrays(("N", "D"), real)}


def main() -> None:
    """Measure, then print tables, or JSON for scripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="runs per measurement (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    results = {
        "terms": {name: {n: median(make(n), arguments.repeat) for n in COUNTS} for name, make in TERMS.items()},
        "nesting": {name: {n: median(make(n), arguments.repeat) for n in DEPTHS} for name, make in NESTED.items()},
        "catalogue": of_catalogue(arguments.repeat),
    }
    sys.stdout.write(json.dumps(results, indent=2) + "\n" if arguments.json else as_tables(results))


def median(loss: Loss, repeat: int) -> float:
    """Median seconds from the declaration to the text of the module."""
    return statistics.median(seconds(loss) for _ in range(repeat))


def seconds(loss: Loss) -> float:
    """One run with an empty cache."""
    clear_cache()
    started = time.perf_counter()
    load(loss).generate("numpy")
    return time.perf_counter() - started


def of_catalogue(repeat: int) -> dict[str, float]:
    """Every declaration, slowest first."""
    found = {
        form.name: median(form, repeat)
        for name in catalogue.files()
        for form in catalogue.declared(name).generated_forms()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def declared(expression: Expr, **roles: object) -> Loss:
    """A loss of that expression."""
    return Loss(name="measured", summary="Measured.", expression=expression, **roles)  # type: ignore[arg-type]


def softplus_terms(count: int) -> Loss:
    """``Σ log(1 + exp(n r))`` of a residual r."""
    residual = y_pred - y_true
    return declared(sum(log(1 + exp(n * residual)) for n in range(1, count + 1)))  # type: ignore[arg-type]


def logarithm_terms(count: int) -> Loss:
    """Log-sum-exps over an axis, each at its own temperature."""
    terms = (log_sum_exp_over(K, n * y_pred[K]) / n for n in range(1, count + 1))
    return declared(sum(terms) - sum_over(K, y_true[K] * y_pred[K]), **VECTORS)  # type: ignore[operator]


def pair_terms(count: int) -> Loss:
    """Sums over all pairs of rows of powers of their similarities."""
    similarity = Data("similarity")
    terms = (sum_over(AT, sum_over(BESIDE, log(1 + exp(n * similarity[AT, BESIDE])))) for n in range(1, count + 1))
    where = {similarity[AT, BESIDE]: sum_over(D, y_pred[AT, D] * y_true[BESIDE, D])}
    return declared(sum(terms), where=where, **EMBEDDINGS)  # type: ignore[arg-type]


def nested_roots(depth: int) -> Loss:
    """``sqrt(1 + sqrt(1 + … r²))``."""
    inner: Expr = (y_pred - y_true) ** 2
    for _ in range(depth):
        inner = sqrt(1 + inner)
    return declared(inner)


def nested_softplus(depth: int) -> Loss:
    """``log(1 + exp(… r))``."""
    inner: Expr = y_pred - y_true
    for _ in range(depth):
        inner = log(1 + exp(inner))
    return declared(inner)


def nested_arrays(depth: int) -> Loss:
    """Named arrays that use each other, each a mixture of the entries of the one before."""
    arrays = [y_pred, *(Data(f"layer_{n}") for n in range(1, depth + 1))]
    where = {
        after[AT, D]: before[AT, D] + Rational(1, 2) * log(1 + exp(sum_over(BESIDE, before[BESIDE, D])))
        for before, after in pairwise(arrays)
    }
    expression = sum_over(AT, sum_over(D, (arrays[-1][AT, D] - y_true[AT, D]) ** 2))
    return declared(expression, where=where, **EMBEDDINGS)


TERMS: dict[str, Callable[[int], Loss]] = {
    "of one number": softplus_terms,
    "over an axis": logarithm_terms,
    "over pairs": pair_terms,
}
NESTED: dict[str, Callable[[int], Loss]] = {
    "roots": nested_roots,
    "softplus": nested_softplus,
    "named arrays": nested_arrays,
}


def as_tables(results: dict[str, dict]) -> str:  # type: ignore[type-arg]
    """Plain text."""
    lines = []
    for title, counts in (("terms", COUNTS), ("nesting", DEPTHS)):
        lines.append(f"{title:<24}" + "".join(f"{count:>8}" for count in counts))
        for name, row in results[title].items():
            lines.append(f"{name:<24}" + "".join(f"{row[count]:>8.2f}" for count in counts))
        lines.append("")
    lines.append("catalogue, seconds")
    lines += [f"{name:<44}{value:>8.2f}" for name, value in results["catalogue"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
