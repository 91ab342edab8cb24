"""What a record of certificates says about one emitted module: the numbers to compute in, and the certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace

from symloss import certificates
from symloss.arithmetic import FLOATS, Arithmetic
from symloss.certificates import Record
from symloss.compiled_modules import compiled_texts, compiled_values
from symloss.modules import Mathematics, Provenance, module_text, module_values
from symloss.targets import Target, find
from symloss.templating import render


@dataclass(frozen=True)
class Measured:
    """What measurement chose for the mathematics as it is now, and what it found of exactly the code that makes."""

    arithmetic: Arithmetic = FLOATS
    certificate: Record | None = None

    def of(self, provenance: Provenance) -> Provenance:
        """The provenance, with both."""
        return replace(provenance, arithmetic=self.arithmetic, certificate=self.certificate)


def measured(record: Record, mathematics: Mathematics, siblings: list[Mathematics], target: str) -> Measured:
    """Both for one target; a page shows what was found of the NumPy module."""
    code, name = "numpy" if target == "docs" else target, mathematics.loss.name
    chosen_for = find(code).chosen_for or code
    if not any(name in record.get(item, {}) for item in (code, chosen_for)):
        return Measured()
    in_floats = certified_text(mathematics, siblings, chosen_for)
    arithmetic = Arithmetic.from_data(certificates.arithmetic_for(record, chosen_for, name, in_floats))
    is_known = arithmetic.is_plain and chosen_for == code
    text = in_floats if is_known else certified_text(mathematics, siblings, code, arithmetic)
    return Measured(arithmetic, certificates.found_for(record, code, name, text))


def certified_text(
    mathematics: Mathematics, siblings: list[Mathematics], target: str, arithmetic: Arithmetic = FLOATS
) -> str:
    """The text that a certificate is of: all that computes."""
    spelling, provenance = find(target), _unmeasured(arithmetic)
    values = (
        compiled_values(mathematics, spelling, provenance)
        if spelling.in_loops
        else module_values(mathematics, spelling, provenance, siblings)
    )
    return render(f"{target}/{spelling.certified}.jinja", **values)


def _unmeasured(arithmetic: Arithmetic) -> Provenance:
    """Without where a module comes from and how it was measured."""
    return Provenance("", "", "", (), None, arithmetic)


def bare_texts(
    mathematics: Mathematics, siblings: list[Mathematics], target: Target, arithmetic: Arithmetic = FLOATS
) -> dict[str, str]:
    """The files of a module that runs, without where it comes from and how it was measured."""
    return texts(mathematics, target, _unmeasured(arithmetic), siblings)


def texts(
    mathematics: Mathematics, target: Target, provenance: Provenance, siblings: list[Mathematics]
) -> dict[str, str]:
    """The texts of the files of one loss in a target, by their endings."""
    if target.in_loops:
        return compiled_texts(mathematics, target, provenance)
    return {".py": module_text(mathematics, target, provenance, siblings)}


def as_record(
    mathematics: Mathematics,
    siblings: list[Mathematics],
    target: str,
    arithmetic: Arithmetic,
    found: Record,
) -> Record:
    """What is kept of a measurement: to which code it belongs, and the arithmetic that makes that code."""
    kept = {"code": certificates.code_hash(certified_text(mathematics, siblings, target, arithmetic)), **found}
    if not arithmetic.is_plain and not find(target).chosen_for:
        kept["in_floats"] = certificates.code_hash(certified_text(mathematics, siblings, target))
        kept["arithmetic"] = arithmetic.as_data()
    return kept
