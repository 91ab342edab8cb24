"""Named stabilising identities, in the order in which they are tried.

``LIFTING`` brings a textbook expression to stable atoms, ``FINISHING`` polishes results that are not differentiated
again. Tests sample every rule of both against exact arithmetic.
"""

from __future__ import annotations

from symloss.rules import (
    cancellation,
    confident,
    exponentials,
    finishing,
    logarithms,
    powers,
    primitives,
    trigonometry,
    vectors,
)
from symloss.rules.rule import Rule

LIFTING: tuple[Rule, ...] = (
    *primitives.RULES,
    *exponentials.RULES,
    *logarithms.RULES,
    *powers.RULES,
    *trigonometry.RULES,
    *cancellation.RULES,
    *vectors.RULES,
)
FINISHING: tuple[Rule, ...] = (
    *confident.RULES,
    *finishing.RULES,
    *powers.FINISHING_RULES,
    *cancellation.FINISHING_RULES,
)
