"""The Python door: one loss with its derivatives, LaTeX, generated text and compiled functions."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sympy import Expr

from symloss import catalogue, certificates
from symloss.declare import Loss
from symloss.display import Notation
from symloss.document import fragment
from symloss.errors import DeclarationError, MissingFrameworkError, UnsupportedError
from symloss.kinks import Kink
from symloss.mathematics import study
from symloss.measured import as_record, measured, texts
from symloss.modules import Mathematics, Provenance, imported
from symloss.targets import find

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from symloss.analyse.report import Report
    from symloss.linear_predictor import LinearPredictor


def load(loss: str | Path | Loss) -> Handle:
    """A loss by its catalogue name, by the path of a Python file that declares exactly one, or as declared.

    Of several forms it is the one named, else the first; ``forms`` has all. Raises DeclarationError for an unknown
    name or a file with several losses, FileError for an unreadable file.
    """
    if isinstance(loss, Loss):
        return _handles(loss, "a declaration", "loss")[0]
    if isinstance(loss, Path) or str(loss).endswith(".py"):
        found = load_file(Path(loss))
        if len({handle.declared.name for handle in found}) > 1:
            names = ", ".join(dict.fromkeys(handle.declared.name for handle in found))
            raise DeclarationError(f"{loss} declares {names}; import it and load one of them")
        return found[0]
    home = loss if loss in catalogue.files() else catalogue.form_names().get(loss)
    if home is None:
        raise DeclarationError(catalogue.unknown(loss))
    handles = _handles(catalogue.declared(home), f"symloss/losses/{home}.py", repr(loss))
    return next((handle for handle in handles if handle.name == loss), handles[0])


def load_file(path: Path) -> list[Handle]:
    """Every form of every loss that a Python file declares; raises FileError for an unreadable file."""
    return [
        handle for declared in catalogue.from_file(path) for handle in _handles(declared, path.name, repr(path.name))
    ]


def _handles(declared: Loss, origin: str, argument: str) -> list[Handle]:
    return [Handle(form, declared, origin, argument) for form in declared.generated_forms()]


class Handle:
    """One form of a loss (of a prediction, or of a raw score), studied when first asked."""

    def __init__(
        self, form: Loss, declared: Loss, origin: str, argument: str, record: certificates.Record | None = None
    ) -> None:
        self.declaration = form
        self.declared = declared
        self._origin = origin
        self._argument = argument
        self._given_record = record

    @property
    def name(self) -> str:
        """The name of the generated module."""
        return self.declaration.name

    @cached_property
    def forms(self) -> dict[str, Handle]:
        """Every generated form of the declaration, by name."""
        handles = _handles(self.declared, self._origin, self._argument)
        return {handle.name: self if handle.name == self.name else handle for handle in handles}

    @cached_property
    def _mathematics(self) -> Mathematics:
        return study(self.declaration)

    @property
    def expression(self) -> Expr:
        """The declared expression, everything under ``where`` substituted."""
        return self.declaration.full_expression

    @property
    def gradient(self) -> Expr:
        """The derivative with respect to y_pred (or its entry at index j), in ordinary SymPy."""
        return self._ordinary(self._mathematics.derivation.gradient)

    @property
    def hessian(self) -> Expr:
        """The second derivative with respect to y_pred (or its entry at index j), in ordinary SymPy."""
        return self._ordinary(self._mathematics.derivation.hessian)

    @property
    def kinks(self) -> tuple[Kink, ...]:
        """Where a derivative jumps."""
        return self._mathematics.kinks

    def _ordinary(self, expression: Expr) -> Expr:
        derivation = self._mathematics.derivation
        return Notation(self.declaration, plain=True).shown(derivation.spelled_out(expression))

    def latex(self) -> str:
        """The LaTeX fragment: definition, arguments, derivatives with their steps, kinks, references."""
        return fragment(self._mathematics, self._provenance("docs"))

    def _repr_latex_(self) -> str:
        """What a notebook shows."""
        return rf"$\displaystyle {Notation(self.declaration).latex(self.expression)}$"

    def __repr__(self) -> str:
        return f"<symloss loss {self.name}: {self.declaration.summary}>"

    def generate(self, target: str) -> str:
        """The text of the module for a target; of one that is compiled, that which calls the library.

        Raises UnsupportedError where a library can't train the loss, or the target has no spelling for it.
        """
        return self.files(target)[f"{self.name}.py"]

    def files(self, target: str) -> dict[str, str]:
        """The texts of all files for a target by their names; raises UnsupportedError as ``generate`` does."""
        if find(target).library is not None:
            return {f"{self.name}.py": self._of_raw_score._objective_text(target)}  # noqa: SLF001 - of the same class
        made = texts(self._mathematics, find(target), self._provenance(target), self._siblings)
        return {f"{self.name}{ending}": text for ending, text in made.items()}

    def report(self) -> Report:
        """What is proved, supported by numbers, refuted or unknown about this form, and how boosters train the loss.

        Raises UnsupportedError for a function that nothing can be generated for.
        """
        from symloss.analyse.report import report_on

        return report_on(self._mathematics, self._of_raw_score._mathematics)  # noqa: SLF001 - of the same class

    def _objective_text(self, target: str) -> str:
        from symloss.analyse.boosters import training_of
        from symloss.objectives import objective_text

        plain = Provenance(self._origin, f"symloss.load({self._argument}).generate({target!r})", "none", (self.name,))
        return objective_text(self._mathematics, training_of(self._mathematics), find(target), plain)

    def certified(self, points: int = 5000, target: str = "numpy") -> Handle:
        """The same loss as ``symloss certify`` makes it for a target: measured, and mended where floats are not enough.

        What was found is in the docstring and METADATA of the module it generates. ``points`` are the samples per
        function and dtype; this takes seconds, and a minute where nearly everything needs mending. numba computes in
        the numbers that are chosen for C. Raises UnsupportedError for a target that has no measurement of its own,
        and for a function that the arithmetic of the truth lacks; CompilerError for C where there is no compiler.
        """
        from symloss.choose import choose_for
        from symloss.verify.certificate import as_data, environment
        from symloss.verify.oracle import Oracle

        spelling = find(target)
        if spelling.library is not None or spelling.chosen_for:
            reason = (
                f"it computes in the numbers of {spelling.chosen_for}" if spelling.chosen_for else "it has no functions"
            )
            raise UnsupportedError(f"{target} has no numbers to choose: {reason}")
        oracle = Oracle(self.declaration)
        mathematics, siblings = self._mathematics, self._siblings
        arithmetic, lines = choose_for(mathematics, siblings, target, ("float64", "float32"), points, oracle)
        found = {"environment": environment(oracle.numbers.name, target), "measured": as_data(list(lines))}
        made = as_record(mathematics, siblings, target, arithmetic, found)
        record = {**self._record, target: {**self._record.get(target, {}), self.name: made}}
        return Handle(self.declaration, self.declared, self._origin, self._argument, record)

    @cached_property
    def _siblings(self) -> list[Mathematics]:
        forms = self.declared.generated_forms()
        return [self._mathematics if form.name == self.name else study(form) for form in forms]

    @cached_property
    def _record(self) -> certificates.Record:
        """What was measured: of this handle, or of the catalogue."""
        if self._given_record is not None:
            return self._given_record
        is_catalogue = self._origin.startswith("symloss/losses/")
        return certificates.read(certificates.shipped(Path(self._origin).stem)) if is_catalogue else {}

    def compile(self, target: str = "numpy") -> ModuleType:
        """The generated module, imported; a debugger shows its source.

        A compiled target is built first, in a folder of its own. Raises MissingFrameworkError when the target's
        framework is not installed, CompilerError where there is no compiler, and UnsupportedError for a target whose
        modules call those of others beside them.
        """
        if find(target).engines:
            engines = ", ".join(find(target).engines)
            raise UnsupportedError(
                f"a module for {target} calls that of its engine ({engines}) in a folder beside it; "
                f"symloss generate {self.name} --target {target},{find(target).engines[0]} writes both"
            )
        if find(target).is_built:
            return self._built(target)
        try:
            return imported(self.generate(target), f"symloss_compiled.{target}.{self.name}")
        except ModuleNotFoundError as error:
            raise MissingFrameworkError(
                f"{target} is not installed ({error.name}); pip install 'symloss[{target}]'"
            ) from error

    def _built(self, target: str) -> ModuleType:
        from symloss.compile import build, find_compiler

        compiler = find_compiler()
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # what is loaded stays, where files can't go
            for name, text in self.files(target).items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            list(build([Path(folder) / f"{self.name}.c"], compiler))
            path = Path(folder) / f"{self.name}.py"
            return imported(path.read_text(encoding="utf-8"), f"symloss_compiled.{target}.{self.name}", path)

    def with_respect_to(self, name: str) -> Handle:
        """The same loss with another argument in the place of y_pred, so that its derivatives are by that one.

        ``name`` is a parameter, an extra input or ``y_true``; in the result it is called y_pred, a value per sample
        where it is a parameter. What was y_pred is the extra input ``prediction``, or y_true where those two change
        places. Raises DeclarationError for an unknown name, and where labels tell entries apart or order them.
        """
        from symloss.declare.roles import with_respect_to

        return load(with_respect_to(self.declaration, name))

    def with_linear_predictor(
        self,
        X: ArrayLike,
        *,
        offset: ArrayLike | None = None,
        intercept: bool = False,
        l2: ArrayLike = 0.0,
        reduction: str = "sum",
        **arguments: Any,
    ) -> LinearPredictor:
        """The loss as a function of the weights w of raw score = X w + offset, for ``scipy.optimize.minimize``.

        X is dense, (…, columns), or a sparse matrix of SciPy. A loss that is declared of a prediction and has a link
        takes the raw score through it. ``l2`` is the factor of ½ w², for all columns or one each; an ``intercept`` is
        a last column of ones without it. ``arguments`` are parameters of the loss (``delta=1.35``) and its extra
        inputs. Raises ValueError for arrays that are empty, not finite or of the wrong shape, TypeError for an
        argument that the loss lacks.
        """
        from symloss.linear_predictor import linear_predictor

        form = self._of_raw_score.declaration
        known = [*(item.name for item in form.parameters), *(item.name for item in form.extra_inputs)]
        for name in arguments:
            if name not in known:
                raise TypeError(f"{form.name} has no argument {name!r}; it has {', '.join(known) or 'none'}")
        return linear_predictor(
            self._of_raw_score.compile("numpy"),
            X,
            is_elementwise=form.is_elementwise,
            has_one_axis=form.has_one_axis and not form.is_coupled,
            offset=offset,
            intercept=intercept,
            l2=l2,
            reduction=reduction,
            keywords=arguments,
        )

    @property
    def _of_raw_score(self) -> Handle:
        """The form whose argument is a raw score, where the declaration has one, else this."""
        return self.forms[self.declared.raw_name] if self.declared.raw_name is not None else self

    def _provenance(self, target: str) -> Provenance:
        call = "latex()" if target == "docs" else f"generate({target!r})"
        plain = Provenance(self._origin, f"symloss.load({self._argument}).{call}", "none", (self.name,))
        return measured(self._record, self._mathematics, self._siblings, target).of(plain)
