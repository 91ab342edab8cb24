"""The whole story: declare → derive → stabilise → lower → emit → verify → document, one function per product.

    declared(name)        symloss.catalogue   a Loss: the mathematics and the role of every symbol
    study(loss)           symloss.mathematics derivatives on stable atoms (derive, stabilise), kernel (lower), kinks
    module_text(…)        symloss.modules     kernel × target → the text of one module (emit, templates)
    pages(…)              symloss.document    the LaTeX of the same mathematics
    compiled_texts(…)     symloss.compiled_modules  kernel × compiled target → the files of one loss (emit_loops)
    report_on(…)          symloss.analyse     what is proved, supported or refuted, and the curvatures boosters may use
    objective_text(…)     symloss.objectives  kernel × boosting library → the text of one objective
    verify_module(…)      symloss.verify      emitted functions against the declaration, sharing nothing with the above

A *source* is one declaration file; a *product* is one generated file. Nothing is derived while all products of a
source are fresh, which their headers tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from symloss import catalogue, certificates, files, refusals
from symloss.errors import DeclarationError, UnsupportedError, stage
from symloss.targets import TARGETS as SPELLINGS
from symloss.template_files import templates_folder

if TYPE_CHECKING:
    from symloss.arithmetic import Arithmetic
    from symloss.compile import Built
    from symloss.declare import Loss
    from symloss.modules import Mathematics, Provenance
    from symloss.verify.certificate import Line
    from symloss.verify.exhaustive import Proof
    from symloss.verify.oracle import Oracle
    from symloss.verify.parity import Parity
    from symloss.verify.report import Report

CODE_TARGETS = tuple(name for name, target in SPELLINGS.items() if target.library is None and not target.engines)
CALLING_TARGETS = tuple(name for name, target in SPELLINGS.items() if target.engines)
OBJECTIVE_TARGETS = tuple(name for name, target in SPELLINGS.items() if target.library is not None)
LOOP_TARGETS = tuple(name for name in CODE_TARGETS if SPELLINGS[name].in_loops)
BUILT_TARGETS = tuple(name for name in LOOP_TARGETS if SPELLINGS[name].is_built)
TARGETS = (*CODE_TARGETS, *CALLING_TARGETS, *OBJECTIVE_TARGETS, "docs")
_REFUSING = (*OBJECTIVE_TARGETS, *LOOP_TARGETS)  # those that some losses are not made for
Progress = Callable[[str], None]
Refused = Mapping[str, Mapping[str, refusals.Refusal]]  # by target, by loss
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Source:
    """One declaration: a catalogue file or a user's own."""

    label: str
    path: Path
    argument: str

    @property
    def in_catalogue(self) -> bool:
        """Whether it is symloss's own."""
        return self.path.parent == catalogue.FOLDER

    def losses(self) -> tuple[Loss, ...]:
        """The declarations it holds."""
        return (catalogue.declared(self.path.stem),) if self.in_catalogue else catalogue.from_file(self.path)


@dataclass(frozen=True)
class Product:
    """One generated file: its place, its text and the declaration it comes from."""

    path: Path
    text: str
    origin: str


@dataclass(frozen=True)
class Outcome:
    """What ``generate`` or ``check`` found for one source."""

    source: Source
    written: tuple[Path, ...]
    fresh: tuple[Path, ...]
    problems: tuple[str, ...] = ()


def sources(names: Iterable[str]) -> list[Source]:
    """Catalogue names, names of generated forms, or paths of Python files; nothing means the whole catalogue.

    Raises DeclarationError for a name that is none of these, with the closest ones.
    """
    known = catalogue.files()
    wanted = list(names) or list(known)
    return list(dict.fromkeys(_source(name, known) for name in wanted))


def _source(name: str, known: dict[str, Path]) -> Source:
    if name in known:
        return Source(f"symloss/losses/{name}.py", known[name], name)
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        return Source(path.name, path.resolve(), path.name)
    declared_in = catalogue.form_names().get(name)
    if declared_in is not None:
        return _source(declared_in, known)
    raise DeclarationError(catalogue.unknown(name))


# -- generate and check ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    """What one source makes: its files, and by target the losses that are not made."""

    products: tuple[Product, ...]
    refused: Refused


def generate(
    names: Iterable[str],
    targets: tuple[str, ...],
    out: Path,
    *,
    force: bool = False,
    workers: int = 1,
    progress: Progress = lambda label: None,
) -> list[Outcome]:
    """Write every stale or missing product, of several sources at a time.

    All of a source's texts exist before the first of them is written.
    """
    outcomes = []
    for source, expected, made in _all_made(names, targets, out, workers, progress):
        if made is None:
            outcomes.append(Outcome(source, (), expected))
            continue
        written = [item for item in made.products if _differs(item)]
        for product in written:
            files.write(product.path, product.text, origin=product.origin, force=force)
        _record_refusals(source, made, out)
        paths = tuple(item.path for item in made.products)
        outcomes.append(Outcome(source, tuple(item.path for item in written), paths))
    if not list(names):
        _forget_orphaned_refusals(targets, out)
    _make_packages(out, targets)
    return outcomes


def check(
    names: Iterable[str],
    targets: tuple[str, ...],
    out: Path,
    workers: int = 1,
    progress: Progress = lambda label: None,
) -> list[Outcome]:
    """Name everything that is stale, missing, edited by hand or orphaned; writes nothing."""
    outcomes, everything = [], not list(names)
    kept: set[Path] = set()
    for source, expected, made in _all_made(names, targets, out, workers, progress):
        if made is None:
            kept |= set(expected)
            outcomes.append(Outcome(source, (), expected))
            continue
        kept |= {item.path for item in made.products}
        problems = [problem for item in made.products if (problem := _problem(item))]
        problems += _stale_refusals(source, made, out)
        outcomes.append(Outcome(source, (), tuple(item.path for item in made.products), tuple(problems)))
    if everything:
        orphans = tuple(
            f"{path}: orphaned, no declaration makes it" for path in _generated(out, targets) if path not in kept
        )
        orphans += _orphaned_refusals(targets, out)
        if orphans:
            outcomes.append(Outcome(Source("orphans", out, "orphans"), (), (), orphans))
    return outcomes


def _all_made(
    names: Iterable[str], targets: tuple[str, ...], out: Path, workers: int, progress: Progress
) -> Iterator[tuple[Source, tuple[Path, ...], Made | None]]:
    """Every source with its products where they are fresh, else with what it makes."""
    refused = _refused(targets, out)
    found = [(source, _expected_if_fresh(source, targets, out, refused)) for source in sources(names)]
    stale = [(source, targets, out) for source, expected in found if expected is None]
    made = _in_processes(_made, stale, workers)
    for source, expected in found:
        progress(source.argument)
        yield source, expected or (), next(made) if expected is None else None


def _made(task: tuple[Source, tuple[str, ...], Path]) -> Made:
    source, targets, out = task
    found = tuple(products(source, targets, out))
    return Made(found, {target: _refusals(source, target, out) for target in targets if target in _REFUSING})


def products(source: Source, targets: tuple[str, ...], out: Path) -> Iterator[Product]:
    """Every file that a source makes."""
    from symloss.measured import measured

    everything = _studied(source)
    forms = tuple(mathematics.loss.name for studied in everything for mathematics in studied)
    record = certificates.read(_record_path(source, out))
    for studied in everything:
        for target in (name for name in targets if name not in OBJECTIVE_TARGETS):
            reasons = _reasons(source, target) if target in LOOP_TARGETS else {}
            for mathematics in (item for item in studied if not reasons.get(item.loss.name)):
                with stage("emit", mathematics.loss.name):
                    found = measured(record, mathematics, studied, target)
                    made = tuple(form for form in forms if not reasons.get(form))
                    provenance = found.of(_provenance(source, target, made, out))
                    yield from _texts(mathematics, studied, target, provenance, out)
    yield from _objectives(source, tuple(name for name in targets if name in OBJECTIVE_TARGETS), out)


def _studied(source: Source) -> list[list[Mathematics]]:
    """The mathematics of every form of every loss, worked out once."""
    return _studied_as_it_is(source, source.path.read_bytes() if source.path.is_file() else b"")


@lru_cache(maxsize=1)
def _studied_as_it_is(source: Source, _declaration: bytes) -> list[list[Mathematics]]:
    return [[_study(form) for form in loss.generated_forms()] for loss in source.losses()]


def _objectives(source: Source, targets: tuple[str, ...], out: Path) -> Iterator[Product]:
    """The objectives of the forms that take raw scores, for the libraries that can train them."""
    if not targets:
        return
    from symloss.analyse.boosters import training_of, why_not
    from symloss.objectives import objective_text
    from symloss.targets import find

    forms = {target: [form for form in _raw_forms(source) if not why_not(form, target)] for target in targets}
    wanted = {form.name: form for target in targets for form in forms[target]}
    by_name = {item.loss.name: item for studied in _studied(source) for item in studied}
    for name, form in wanted.items():
        mathematics = by_name[name]
        training = training_of(mathematics)
        for target in (target for target in targets if form in forms[target]):
            with stage("emit", name):
                made = tuple(form.name for form in forms[target])
                provenance = _provenance(source, target, made, out)
                text = objective_text(mathematics, training, find(target), provenance)
                yield Product(out / target / f"{name}.py", files.sealed(text), provenance.origin)


def _raw_forms(source: Source) -> list[Loss]:
    """The form of every loss that takes raw scores, or its only one."""
    return [loss.generated_forms()[-1] for loss in source.losses()]


def _refusals(source: Source, target: str, out: Path) -> dict[str, refusals.Refusal]:
    """The losses of the source that are not made for a target, as they should be recorded."""
    digest, reasons = _source_hash(source, target, out), _reasons(source, target)
    made = [name for name, why in reasons.items() if not why]
    return {
        name: refusals.Refusal(origin=source.label, source=digest, why=why, beside=made)
        for name, why in reasons.items()
        if why
    }


def _reasons(source: Source, target: str) -> dict[str, str]:
    """Why forms of a source are not made for a target; empty for those that are."""
    if target in OBJECTIVE_TARGETS:
        from symloss.analyse.boosters import why_not

        return {form.name: why_not(form, target) for form in _raw_forms(source)}
    from symloss.compiled_modules import why_not_compiled

    every = [item for studied in _studied(source) for item in studied]
    return {item.loss.name: why_not_compiled(item, SPELLINGS[target]) for item in every}


def _record_refusals(source: Source, made: Made, out: Path) -> None:
    for target, refused in made.refused.items():
        known = refusals.read(out / target)
        others = {name: item for name, item in known.items() if item["origin"] != source.label}
        if (wanted := {**others, **refused}) != known:
            refusals.write(out / target, wanted)


def _stale_refusals(source: Source, made: Made, out: Path) -> list[str]:
    stale = []
    for target, refused in made.refused.items():
        known = {name: item for name, item in refusals.read(out / target).items() if item["origin"] == source.label}
        if known != refused:
            stale.append(f"{refusals.path_of(out / target)}: stale on {source.argument}")
    return stale


def _orphaned_refusals(targets: tuple[str, ...], out: Path) -> tuple[str, ...]:
    return tuple(
        f"{refusals.path_of(out / target)}: orphaned on {name}, no declaration makes it"
        for target in targets
        if target in _REFUSING
        for name in _without_declaration(out / target)
    )


def _forget_orphaned_refusals(targets: tuple[str, ...], out: Path) -> None:
    for folder in (out / target for target in targets if target in _REFUSING):
        if gone := _without_declaration(folder):
            refusals.write(folder, {name: item for name, item in refusals.read(folder).items() if name not in gone})


def _without_declaration(folder: Path) -> set[str]:
    """The refused losses that the catalogue no longer declares."""
    labels = {source.label for source in sources([])}
    return {name for name, item in refusals.read(folder).items() if item["origin"] not in labels}


def _record_path(source: Source, out: Path) -> Path:
    """The certificates beside the products, else those that came with the catalogue."""
    path = certificates.path_of(out, source.path.stem)
    return certificates.shipped(source.path.stem) if source.in_catalogue and not path.is_file() else path


def _texts(
    mathematics: Mathematics, siblings: list[Mathematics], target: str, provenance: Provenance, out: Path
) -> Iterator[Product]:
    from symloss.document import pages
    from symloss.measured import texts

    if target == "docs":
        made = pages(mathematics, provenance)
    else:
        found = texts(mathematics, SPELLINGS[target], provenance, siblings)
        made = {f"{mathematics.loss.name}{ending}": text for ending, text in found.items()}
    for file_name, text in made.items():
        yield Product(out / target / file_name, files.sealed(text), provenance.origin)


def _provenance(source: Source, target: str, forms: tuple[str, ...], out: Path) -> Provenance:
    from symloss.modules import Provenance

    command = f"symloss generate {source.argument} --target {target}"
    return Provenance(source.label, command, _source_hash(source, target, out), forms)


def _source_hash(source: Source, target: str, out: Path) -> str:
    return _source_hashes(source, (target,), out)[target]


def _source_hashes(source: Source, targets: tuple[str, ...], out: Path) -> dict[str, str]:
    """By target the hash of everything that the source's products are made from."""
    declaration, record = source.path.read_bytes(), _record_path(source, out)
    measured = record.read_bytes() if record.is_file() else b""
    return {
        target: files.source_hash(declaration, _maker_hash(target), b"" if target in OBJECTIVE_TARGETS else measured)
        for target in targets
    }


@cache
def _maker_hash(target: str) -> bytes:
    """A hash of what makes a target's products: the compiler and the templates."""
    if target in OBJECTIVE_TARGETS:
        return files.maker_hash(templates_folder(), (target, "boosting", "numpy", "python"), analysed=True)
    others = () if target == "docs" else SPELLINGS[target].template_folders
    return files.maker_hash(templates_folder(), (target, "python", *others))


def _expected_if_fresh(
    source: Source, targets: tuple[str, ...], out: Path, refused: Refused
) -> tuple[Path, ...] | None:
    """The source's products, if all are there, untouched, and made from what it is now; else None."""
    if not source.path.is_file():
        return None
    found: list[Path] = []
    for target, digest in _source_hashes(source, targets, out).items():
        beside = refusals.modules_beside(refused[target], source.label, digest)
        forms = _forms_on_disk(source, digest, out / target) if beside is None else beside
        if not forms and beside is None:
            return None
        suffixes = (".tex", "_document.tex") if target == "docs" else tuple(SPELLINGS[target].files)
        paths = [out / target / f"{form}{suffix}" for form in forms for suffix in suffixes]
        if not all(files.is_fresh(path, source.label, digest) for path in paths):
            return None
        found.extend(paths)
    return tuple(found)


def _forms_on_disk(source: Source, digest: str, folder: Path) -> tuple[str, ...]:
    """Which forms a fresh product of the source says there are."""
    likely = (folder / f"{source.path.stem}{suffix}" for suffix in (".py", ".tex"))
    for path in chain(likely, _listed(folder)):
        header = files.read_header(path)
        if header is not None and header.origin == source.label and header.source == digest:
            return header.forms
    return ()


def _listed(folder: Path) -> Iterator[Path]:
    """The files of a folder, which is listed only where it is looked at."""
    yield from sorted(folder.glob("*.*"))


def _differs(product: Product) -> bool:
    return not product.path.is_file() or product.path.read_text(encoding="utf-8") != product.text


def _problem(product: Product) -> str:
    if not product.path.is_file():
        return f"{product.path}: missing"
    if not _differs(product):
        return ""
    if files.read_header(product.path) is not None and files.is_edited(product.path):
        return f"{product.path}: edited by hand"
    return f"{product.path}: stale, {product.origin}, the compiler or a template has changed"


def _generated(out: Path, targets: tuple[str, ...]) -> list[Path]:
    candidates = [path for target in targets for path in sorted((out / target).glob("*.*"))]
    return [path for path in candidates if path.name != "__init__.py" and path.suffix in (".py", ".tex", ".c", ".h")]


def _make_packages(out: Path, targets: tuple[str, ...]) -> None:
    """Make the folders importable; an existing ``__init__.py`` is left as it is."""
    code = [target for target in targets if target != "docs"]
    for folder in [out, *(out / target for target in code)] if code else []:
        marker = folder / "__init__.py"
        if folder.is_dir() and not marker.exists():
            files.replace_atomically(marker, '"""Modules generated by symloss."""\n')


# -- verify ------------------------------------------------------------------------------------------------------------


def verify(
    names: Iterable[str],
    targets: tuple[str, ...],
    out: Path,
    *,
    workers: int = 1,
    progress: Progress = lambda label: None,
) -> Iterator[Report]:
    """Check the emitted modules in ``out``, one report per loss and target, several losses at a time."""
    _have_functions(targets)
    refused = _refused(targets, out)
    tasks = [
        (source, form.name, made, out)
        for source in sources(names)
        for form in _forms_in(source)
        if (made := tuple(target for target in targets if form.name not in refused[target]))
    ]
    for reports in _in_processes(_verified, tasks, workers):
        progress(reports[0].loss)
        yield from reports


def parity(
    names: Iterable[str],
    targets: tuple[str, ...],
    out: Path,
    *,
    dtypes: tuple[str, ...],
    points: int,
    workers: int = 1,
    progress: Progress = lambda label: None,
) -> Iterator[Parity]:
    """How far the emitted modules in ``out`` of every loss are from each other, several losses at a time."""
    _have_functions(targets)
    refused = _refused(targets, out)
    tasks = [
        (source, form.name, made, dtypes, points, out)
        for source in sources(names)
        for form in _forms_in(source)
        if len(made := tuple(target for target in targets if form.name not in refused[target])) > 1
    ]
    if not tasks:
        raise UnsupportedError(f"parity compares targets with each other; {', '.join(targets) or 'none'} is too few")
    for found in _in_processes(_compared, tasks, workers):
        progress(found[0].loss)
        yield from found


def _compared(task: tuple[Source, str, tuple[str, ...], tuple[str, ...], int, Path]) -> list[Parity]:
    from symloss.verify.faces import open_module
    from symloss.verify.oracle import Oracle
    from symloss.verify.parity import compare

    source, name, targets, dtypes, points, out = task
    form = _form_named(name, source)
    modules = [open_module(form, target, out / target / f"{name}.py") for target in targets]
    oracle = Oracle(form)
    return [found for dtype in dtypes for found in compare(form, modules, dtype, points, oracle)]


def _refused(targets: Iterable[str], out: Path) -> Refused:
    """By target the losses that have a reason there, not a module."""
    return {target: refusals.read(out / target) if target in _REFUSING else {} for target in targets}


def _verified(task: tuple[Source, str, tuple[str, ...], Path]) -> list[Report]:
    from symloss.verify.checks import verify_module
    from symloss.verify.examination import Examination

    source, name, targets, out = task
    examination = Examination(_form_named(name, source))
    return [verify_module(examination, target, out / target / f"{name}.py") for target in targets]


def _in_processes(work: Callable[[Task], Result], tasks: list[Task], workers: int) -> Iterator[Result]:
    """The results of all tasks in their order, worked on by several processes."""
    if workers <= 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, tasks)


def _forms_in(source: Source) -> list[Loss]:
    return [form for loss in source.losses() for form in loss.generated_forms()]


def _form_named(name: str, source: Source) -> Loss:
    return next(form for form in _forms_in(source) if form.name == name)


# -- certify -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Examined:
    """What was measured of one emitted module."""

    loss: str
    target: str
    lines: tuple[Line, ...]
    environment: Mapping[str, str]
    arithmetic: Arithmetic

    @property
    def is_certified(self) -> bool:
        """Whether every function is."""
        return all(line.is_certified for line in self.lines)


def certify(
    names: Iterable[str],
    targets: tuple[str, ...],
    out: Path,
    *,
    dtypes: tuple[str, ...],
    points: int,
    workers: int = 1,
    mend: bool = False,
    progress: Progress = lambda label: None,
) -> Iterator[Examined]:
    """Measure emitted modules in ``out`` over the whole float range, several at a time.

    To ``mend`` is to choose the numbers that every function is computed in, and to measure the modules made so.
    """
    _have_functions(targets)
    _are_measurable(names, targets)
    refused = _refused(targets, out)
    tasks = [
        (source, form.name, target, dtypes, points, out, mend)
        for source in sources(names)
        for form in _forms_in(source)
        for target in targets
        if is_measurable(form, target) and form.name not in refused[target]
    ]
    for examined in _in_processes(_examined, tasks, workers):
        progress(examined.loss)
        yield examined


def is_measurable(form: Loss, target: str) -> bool:
    """Whether certificates are made of a loss in a target: in NumPy always, else not of those over pairs of places."""
    return target == "numpy" or not _is_over_places(form)


def _is_over_places(form: Loss) -> bool:
    """Whether a loss compares entries with each other, or has arguments that differ in axes."""
    from symloss.verify.oracle import compares_entries

    return form.is_coupled or compares_entries(form)


def _are_measurable(names: Iterable[str], targets: tuple[str, ...]) -> None:
    """Raise UnsupportedError for a loss that is asked for by name and can't be measured in a target."""
    for source in sources(names) if list(names) else []:
        for form in (form for loss in source.losses() for form in loss.generated_forms()):
            for target in targets:
                if not is_measurable(form, target):
                    raise UnsupportedError(
                        f"{form.name} compares entries with each other or has inputs over axes of their own, which "
                        f"certify does not measure in {target}; symloss verify checks it at single points"
                    )


def _examined(task: tuple[Source, str, str, tuple[str, ...], int, Path, bool]) -> Examined:
    from symloss.arithmetic import FLOATS
    from symloss.verify.certificate import certify as measure
    from symloss.verify.certificate import environment
    from symloss.verify.faces import open_module
    from symloss.verify.oracle import Oracle

    source, name, target, dtypes, points, out, mend = task
    form = _form_named(name, source)
    oracle = Oracle(form)
    module = open_module(form, target, out / target / f"{name}.py")
    # Sorts, pairs of places and contractions are computed in floats alone.
    if mend and not _is_over_places(form) and not SPELLINGS[target].chosen_for:
        return _mended(form, source, target, dtypes, points, oracle)
    lines = tuple(measure(form, module, list(dtypes), points, oracle, with_compilers=True))
    return Examined(name, target, lines, environment(oracle.numbers.name, target), FLOATS)


def _mended(form: Loss, source: Source, target: str, dtypes: tuple[str, ...], points: int, oracle: Oracle) -> Examined:
    """The module in the numbers that measurement chooses, and what was measured of it."""
    from symloss.choose import choose_for
    from symloss.verify.certificate import environment

    loss = next(loss for loss in source.losses() if form.name in {item.name for item in loss.generated_forms()})
    studied = [_study(item) for item in loss.generated_forms()]
    mathematics = next(item for item in studied if item.loss.name == form.name)
    arithmetic, lines = choose_for(mathematics, studied, target, dtypes, points, oracle)
    return Examined(form.name, target, lines, environment(oracle.numbers.name, target), arithmetic)


def forms_of(names: Iterable[str]) -> list[str]:
    """The names of the modules that some names or files make."""
    return [form.name for source in sources(names) for form in _forms_in(source)]


def certify_exhaustively(
    names: Iterable[str],
    targets: tuple[str, ...],
    dtypes: tuple[str, ...],
    out: Path,
    progress: Progress = lambda label: None,
) -> Iterator[Proof]:
    """Every prediction of a narrow dtype, for losses whose targets are a few labels."""
    from symloss.verify.exhaustive import prove
    from symloss.verify.faces import open_module

    _have_functions(targets)

    for form in (form for source in sources(names) for form in _forms_in(source)):
        for target in targets:
            module = open_module(form, target, out / target / f"{form.name}.py")
            for dtype in dtypes:
                progress(f"{dtype} for {form.name}")
                yield from prove(form, module, dtype)


def check_picture(names: Iterable[str], targets: tuple[str, ...], picture: Path) -> None:
    """Raise an error for what can't be drawn, before anything is measured."""
    from symloss.verify.picture import check_format

    check_format(picture)
    if (count := len(forms_of(names)) * len(targets)) != 1:
        raise UnsupportedError(f"a picture shows one module, not {count}; name one loss and one target")


def draw(names: Iterable[str], targets: tuple[str, ...], out: Path, picture: Path) -> Path:
    """A picture of the errors of one module: one panel per function and dtype."""
    from symloss.verify.faces import open_module
    from symloss.verify.picture import draw_errors

    check_picture(names, targets, picture)
    form = next(form for source in sources(names) for form in _forms_in(source))
    return draw_errors(form, open_module(form, targets[0], out / targets[0] / f"{form.name}.py"), picture)


def store(examined: Iterable[Examined], names: Iterable[str], out: Path) -> list[Path]:
    """Record what was measured, and put it into the modules and pages that are there."""
    by_name = {(item.loss, item.target): item for item in examined}
    stored = []
    for source in sources(names):
        path = certificates.path_of(out, source.path.stem)
        record, before = (certificates.read(_record_path(source, out)) for _ in range(2))
        for loss in source.losses():
            studied = [_study(form) for form in loss.generated_forms()]
            for mathematics in studied:
                for target in CODE_TARGETS:
                    found = by_name.get((mathematics.loss.name, target))
                    if found is not None:
                        kept = _as_record(_in_its_numbers(found, before, mathematics, studied), mathematics, studied)
                        record.setdefault(target, {})[found.loss] = kept
        certificates.write(path, record)
        stored.append(path)
        present = tuple(target for target in TARGETS if (out / target).is_dir())
        generate([source.argument if source.in_catalogue else str(source.path)], present, out)
    return stored


def _in_its_numbers(
    found: Examined, record: certificates.Record, mathematics: Mathematics, siblings: list[Mathematics]
) -> Examined:
    """What was measured, with the arithmetic of its module, where another target's measurement had chosen that."""
    from symloss.measured import measured

    if not SPELLINGS[found.target].chosen_for:
        return found
    return replace(found, arithmetic=measured(record, mathematics, siblings, found.target).arithmetic)


def _study(form: Loss) -> Mathematics:
    from symloss.mathematics import study

    return study(form)


def _as_record(found: Examined, mathematics: Mathematics, siblings: list[Mathematics]) -> certificates.Record:
    from symloss.measured import as_record
    from symloss.verify.certificate import as_data

    numbers = {"environment": dict(found.environment), "measured": as_data(list(found.lines))}
    return as_record(mathematics, siblings, found.target, found.arithmetic, numbers)


def _have_functions(targets: tuple[str, ...]) -> None:
    unknown = sorted(set(targets) - set(CODE_TARGETS))
    if unknown:
        raise UnsupportedError(
            f"{', '.join(unknown)} has no functions to verify; choose from {', '.join(CODE_TARGETS)}"
        )


def installed_targets(out: Path) -> tuple[str, ...]:
    """The code targets whose framework can be imported, or whose modules in ``out`` have been compiled."""
    from importlib.util import find_spec

    from symloss.compile import library_of

    def is_installed(target: str) -> bool:
        if target not in BUILT_TARGETS:
            return find_spec(target) is not None
        modules = [path for path in (out / target).glob("*.py") if path.name != "__init__.py"]
        return bool(modules) and all(library_of(module).is_file() for module in modules)

    return tuple(target for target in CODE_TARGETS if is_installed(target))


# -- compile -----------------------------------------------------------------------------------------------------------


def compile_modules(
    names: Iterable[str],
    out: Path,
    *,
    compiler: str | None = None,
    flags: tuple[str, ...] = (),
    workers: int = 1,
    progress: Progress = lambda label: None,
) -> Iterator[Built]:
    """Generate what is stale or missing of a compiled target, and build it into libraries.

    Raises UnsupportedError for a loss asked for by name that is not made for the target.
    """
    from symloss.compile import build, find_compiler

    command = find_compiler(compiler)
    for target in BUILT_TARGETS:
        generate(names, (target,), out, progress=progress)
        refused = refusals.read(out / target)
        forms = forms_of(names)
        for name in forms if list(names) else []:
            if name in refused:
                raise UnsupportedError(f"{name} is not made for {target}: {refused[name]['why']}")
        paths = [out / target / f"{name}.c" for name in forms if name not in refused]
        for built in build(paths, command, flags, workers):
            progress(built.loss)
            yield built
