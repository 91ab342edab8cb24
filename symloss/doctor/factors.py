"""Whether one array is another times a number."""

from __future__ import annotations

import numpy as np

from symloss.doctor.symptoms import Array


def common_factor(found: Array, true: Array, counts: Array, tolerance: float, share: float = 1.0) -> float | None:
    """The number that ``found`` is of ``true`` where it counts, at that share of places; None where there is none."""
    if not counts.any() or not np.isfinite(found[counts]).all():
        return None
    ratios = found[counts] / true[counts]
    middle = float(np.median(ratios))
    return middle if np.mean(np.abs(ratios - middle) <= tolerance * abs(middle)) >= share else None
