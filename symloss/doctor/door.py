"""The doctor's door: from an objective to its diagnosis, within a time limit."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symloss.analyse.boosters import LIBRARIES
from symloss.doctor.callback import STYLES, Callback, Clock, callback_of
from symloss.doctor.data_sets import is_installed
from symloss.doctor.diagnosis import Diagnosis
from symloss.doctor.examine import Examined, candidates, examine
from symloss.doctor.returned import CATBOOST_METHODS
from symloss.doctor.samples import KINDS, Sample, of_classes, of_labels, of_outputs
from symloss.doctor.symptoms import Symptom, fault
from symloss.doctor.truth import Truth, sample_for, truth_of
from symloss.errors import SymlossError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from symloss.declare import Loss
    from symloss.handle import Handle

_TIME_LIMIT = 30.0


def lint(
    objective: Any,
    library: str,
    loss: str | Path | Loss | Handle | None = None,
    *,
    parameters: Mapping[str, float] | None = None,
    labels: str | ArrayLike | None = None,
    inputs: Mapping[str, ArrayLike] | None = None,
    classes: int | None = None,
    outputs: int | None = None,
    style: str | None = None,
    bound: bool = False,
    time_limit: float = _TIME_LIMIT,
    ignore: Iterable[str] = (),
) -> Diagnosis:
    """Examine an objective written by hand; it is called, some hundred times, with labels and scores made up for it.

    It runs in this process, in a thread of its own; where it does not return within the time limit, the thread is left
    behind. ``symloss lint`` runs it in a process that is ended.

    Args:
        objective: a function of ``(scores, data set)`` or ``(y_true, scores, weights)``, an object that can be called
            so, or for CatBoost an object with ``calc_ders_range`` or ``calc_ders_multi``.
        library: "xgboost", "lightgbm" or "catboost".
        loss: the loss that it should be of, by name, file, declaration or handle; without one, derivatives are only
            compared with each other.
        parameters: those of the loss, by name.
        labels: "real", "binary", "signs", "counts", "positive", "positive predictions", or an array of your own;
            default: what the loss takes, else the kind for which there are the fewest faults.
        inputs: further inputs of the loss, by name, one number per label; labels are an array then.
        classes: scores per row, of an objective over classes 0, 1, …
        outputs: scores per row, where they are parameters of a distribution.
        style: "native" or "scikit-learn", where the names of the arguments don't tell.
        bound: the objective holds arrays of its own, one number per label, and is called with all labels at once.
        time_limit: seconds that one call may take.
        ignore: codes that are not reported.

    Returns:
        The diagnosis, whose ``raise_if_failed()`` makes it a test.

    Raises:
        SymlossError: an argument is wrong, or the objective can't be called at all.

    """
    _check(library, style, labels, classes, outputs)
    truth = None if loss is None else _truth(loss, parameters or {}, inputs or {}, outputs)
    given = _given(labels, classes, outputs, truth, bound=bound or bool(inputs))
    clock = Clock()
    found: list[tuple[Callback, tuple[Symptom, ...], Examined]] = []
    errors: list[BaseException] = []
    if is_installed(library):
        import_module(library)  # outside of any time limit

    def work() -> None:
        try:
            tries = [given] if given is not None else [*(make() for make in KINDS.values()), of_classes(3)]
            rows = [sample.rows() for sample in tries]
            callback, symptoms = callback_of(objective, library, style, rows, clock)
            samples = [given] if given is not None else candidates(callback)
            found.append((callback, symptoms, examine(callback, samples, truth)))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    _within(time_limit, work, clock)
    if errors:
        raise errors[0]
    if not found:
        hang = fault("hangs", f"a call did not return within {time_limit:g} s")
        return _diagnosis(objective, library, style or "unknown", "no labels", truth, (hang,), ignore)
    callback, symptoms, examined = found[0]
    symptoms += examined.symptoms
    return _diagnosis(objective, library, callback.style, examined.sample.kind, truth, symptoms, ignore)


def _within(limit: float, work: Any, clock: Clock) -> None:
    """Run in a thread, until it ends or one call in it takes too long; what it warns of is not shown."""
    thread = threading.Thread(target=work, daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread.start()
        while thread.is_alive() and clock.seconds() <= limit:
            thread.join(0.05)


def _diagnosis(
    objective: Any,
    library: str,
    style: str,
    labels: str,
    truth: Truth | None,
    symptoms: tuple[Symptom, ...],
    ignore: Iterable[str],
) -> Diagnosis:
    kept = tuple(item for item in symptoms if item.code not in set(ignore))
    name = getattr(objective, "__name__", type(objective).__name__)
    diagnosis = Diagnosis(name, library, style, labels, None if truth is None else truth.handle.name, kept)
    if truth is None or diagnosis.passed:
        return diagnosis
    return replace(diagnosis, corrected=truth.corrected(library))


def _check(library: str, style: str | None, labels: Any, classes: int | None, outputs: int | None) -> None:
    if library not in LIBRARIES:
        raise SymlossError(f"there is no library {library!r}; choose from {', '.join(LIBRARIES)}")
    if style is not None and (style not in STYLES or library == "catboost"):
        methods = " or ".join(CATBOOST_METHODS)
        choices = f"CatBoost calls {methods}" if library == "catboost" else f"choose from {', '.join(STYLES)}"
        raise SymlossError(f"there is no style {style!r} here: {choices}")
    if isinstance(labels, str) and labels not in KINDS:
        raise SymlossError(f"there are no labels {labels!r}; choose from {', '.join(KINDS)}, or give an array")
    for name, count in (("classes", classes), ("outputs", outputs)):
        if count is not None and (not isinstance(count, int) or count < 2):
            raise SymlossError(f"{name}={count!r}; give a number of scores per row, 2 or more")
    if classes is not None and (outputs is not None or labels is not None):
        raise SymlossError("give classes alone: their labels are 0, 1, …")


def _truth(loss: Any, parameters: Mapping[str, float], inputs: Mapping[str, Any], outputs: int | None) -> Truth:
    from symloss.handle import Handle, load

    source = str(loss) if isinstance(loss, str | Path) else None
    return truth_of(loss if isinstance(loss, Handle) else load(loss), parameters, inputs, source, outputs)


def _given(labels: Any, classes: int | None, outputs: int | None, truth: Truth | None, *, bound: bool) -> Sample | None:
    """The sample that the caller's arguments, or the loss, name; None where nothing does."""
    if classes is not None:
        return of_classes(classes)
    sample = None
    if isinstance(labels, str):
        sample = KINDS[labels]()
    elif labels is not None:
        sample = of_labels(labels, bound=bound)
    elif bound:
        raise SymlossError("an objective that is bound to a data set is examined with its labels: give labels=…")
    elif truth is not None:
        sample = sample_for(truth, 3)
    if outputs is not None:
        return of_outputs(sample or KINDS["real"](), outputs)
    return sample
