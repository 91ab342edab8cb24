"""One objective through all examinations, with the labels that fit it best where nobody says which it is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symloss.doctor.calculus import calculus, leads_to_label
from symloss.doctor.callback import Callback
from symloss.doctor.comparison import comparison
from symloss.doctor.conduct import conduct, of_other_rows, pickles, repeats
from symloss.doctor.returned import FailedCall
from symloss.doctor.samples import KINDS, Sample, of_classes
from symloss.doctor.symptoms import Severity, Symptom, note
from symloss.doctor.trial import trial
from symloss.doctor.truth import Truth

_ORDER = (Severity.FAULT, Severity.ADVICE, Severity.NOTE)
_NO_DERIVATIVES = ("raises", "shape", "dtype", "not-a-pair", "flat")
_OUTSIDE = ("not-finite", "raises")
_EXPLAINS = "link-missing"  # another fault, and so adds none
_STARTS = {
    "xgboost": "XGBoost starts a custom objective at the raw score 0.5, whatever the labels: set base_score",
    "lightgbm": "LightGBM starts a custom objective at 0, whatever the labels, and boost_from_average does nothing: "
    "pass init_score, and add it to predictions",
    "catboost": "CatBoost starts a custom objective at 0, whatever the labels: give the Pool a baseline, and add it to "
    "predictions",
}


@dataclass(frozen=True)
class Examined:
    """The symptoms for one kind of labels."""

    sample: Sample
    symptoms: tuple[Symptom, ...]

    @property
    def badness(self) -> tuple[int, int, int]:
        """Whether labels seem out of domain, how many faults there are, how much advice; less is better."""
        severities = [item.severity for item in self.symptoms if item.code != _EXPLAINS]
        is_outside = any(item.code in _OUTSIDE for item in self.symptoms)
        return is_outside, severities.count(Severity.FAULT), severities.count(Severity.ADVICE)


def examine(callback: Callback, samples: list[Sample], truth: Truth | None) -> Examined:
    """The symptoms for the sample that has the fewest of them."""
    first = min((_with(callback, sample, truth) for sample in samples), key=lambda item: item.badness)
    found = [*first.symptoms, *_of_all(callback, first, truth)]
    return Examined(first.sample, tuple(sorted(found, key=lambda item: _ORDER.index(item.severity))))


def _with(callback: Callback, sample: Sample, truth: Truth | None) -> Examined:
    found: list[Symptom] = []
    true = None if truth is None else truth.derivatives(sample)
    leads = true is None or leads_to_label(true, sample)
    try:
        derivatives = sample.evaluate(callback)
        found += repeats(callback, sample, derivatives)
        if found:
            return Examined(sample, tuple(found))  # whatever else is compared would differ, too
        found += of_other_rows(callback, sample, derivatives)
        is_coupled = any(item.code == "rows-coupled" for item in found)
        for symptoms in (
            calculus(callback, sample, derivatives, leads=leads, is_coupled=is_coupled),
            () if truth is None or true is None else comparison(truth, sample, derivatives, true),
            conduct(callback, sample, derivatives),
        ):
            found += symptoms
    except FailedCall as failed:
        found.append(failed.symptom)
    return Examined(sample, tuple(found))


def _of_all(callback: Callback, examined: Examined, truth: Truth | None) -> Iterator[Symptom]:
    """What does not depend on labels."""
    yield from pickles(callback.function)
    if not set(_NO_DERIVATIVES) & {item.code for item in examined.symptoms if item.severity is Severity.FAULT}:
        yield from trial(callback, examined.sample)
    yield _start(callback, truth)


def _start(callback: Callback, truth: Truth | None) -> Symptom:
    best = f". The best constant: {truth.start}" if truth is not None and truth.start else ""
    return note("start-value", _STARTS[callback.library] + best)


def candidates(callback: Callback) -> list[Sample]:
    """Kinds of labels to try where none is named: for one score per row where that can be called, else for three."""
    if callback.style == "calc_ders_multi":
        return [of_classes(3)]
    single = [make() for make in KINDS.values()]
    failures = {_failure(callback, sample) for sample in single}
    if "" in failures:
        return single
    several = of_classes(3)
    is_of_several = failures == {"raises"} and _failure(callback, several) != "raises"
    return [several] if is_of_several else single[:1]


def _failure(callback: Callback, sample: Sample) -> str:
    """The code of what is wrong with what a call returns; empty where it is derivatives."""
    try:
        callback(sample.rows())
    except FailedCall as failed:
        return failed.symptom.code
    return ""
