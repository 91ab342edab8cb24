"""The command line: parses and prints, nothing else. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symloss import __version__
from symloss.errors import SymlossError

if TYPE_CHECKING:
    from symloss.analyse.report import Report
    from symloss.doctor.diagnosis import Diagnosis
    from symloss.pipeline import Examined, Outcome, Progress
    from symloss.verify.report import Report as Verified

app = typer.Typer(
    name="symloss",
    help="Declare a loss once, in SymPy; get verified code, derivatives and LaTeX.",
    epilog="Examples: symloss list · symloss show huber · symloss generate huber --target numpy --out losses",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAMES|FILES]", help="Catalogue names or Python files; default: all.")
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        "-t",
        help="numpy, tensorflow, numba, c, xgboost, lightgbm, catboost, docs; may be repeated or comma-separated.",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder that holds one folder per target.")]
Workers = Annotated[int, typer.Option("--workers", "-w", min=0, help="Processes; 0 takes one per core.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def main() -> None:
    """Run; deliberate errors are one line on standard error and exit code 2."""
    try:
        app()
    except SymlossError as error:
        typer.echo(f"symloss: {error}", err=True)
        sys.exit(2)


def _processes(workers: int) -> int:
    return workers or os.cpu_count() or 1


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"symloss {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("list", epilog="Examples: symloss list · symloss list --json")
def list_losses(as_json: Json = False) -> None:
    """List the catalogue: every generated module, its family and what it is."""
    from symloss import catalogue

    rows = [
        {"name": form.name, "family": form.family, "declared_in": name, "summary": form.summary}
        for name in catalogue.files()
        for form in catalogue.declared(name).generated_forms()
    ]
    rows.sort(key=lambda row: row["name"])
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    _table(["name", "family", "summary"], [[row["name"], row["family"], row["summary"]] for row in rows])


@app.command(epilog="Examples: symloss show huber · symloss show my_loss.py · symloss show tweedie --json")
def show(
    name: Annotated[str, typer.Argument(help="A catalogue name or a Python file.")], as_json: Json = False
) -> None:
    """Show formula, gradient, Hessian, kinks and parameters in readable Unicode."""
    from symloss.handle import load, load_file
    from symloss.presentation import as_data, as_text

    handles = load_file(Path(name)) if name.endswith(".py") else [load(name)]
    if as_json:
        shown = [as_data(handle) for handle in handles]
        typer.echo(json.dumps(shown if len(shown) > 1 else shown[0], indent=2))
        return
    typer.echo("\n\n".join(as_text(handle) for handle in handles))


@app.command(epilog="Examples: symloss report huber · symloss report my_loss.py · symloss report focal_binary --json")
def report(
    name: Annotated[str, typer.Argument(help="A catalogue name or a Python file.")], as_json: Json = False
) -> None:
    """Report what is proved, supported or refuted about a loss: kinks, curvature, constants, minimiser, boosters.

    Proved follows from the expression; supported means that no number tried contradicts it; refuted comes with a point.
    """
    from symloss.handle import load, load_file

    handles = load_file(Path(name)) if name.endswith(".py") else [load(name)]
    with _progress("examining", show=not as_json) as progress:
        reports = []
        for handle in handles:
            progress(handle.name)
            reports.append(handle.report())
    if as_json:
        data = [item.as_data() for item in reports]
        typer.echo(json.dumps(data if len(data) > 1 else data[0], indent=2))
        return
    for item in reports:
        _print_report(item)


@app.command(
    epilog="Examples: symloss lint train.py:objective --for xgboost · "
    "symloss lint train.py:huber --for lightgbm --loss huber --set delta=2 · "
    "symloss lint train.py:Focal --for catboost --labels binary --json"
)
def lint(
    named: Annotated[
        str, typer.Argument(metavar="MODULE.PY:OBJECTIVE", help="Where the objective is; the file is run.")
    ],
    library: Annotated[str, typer.Option("--for", help="xgboost, lightgbm, catboost: whose conventions count.")],
    loss: Annotated[
        str | None, typer.Option("--loss", "-l", help="The loss it should be of: a catalogue name or a Python file.")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=NUMBER", help="A parameter of the loss; may be repeated.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="real, binary, signs, counts, positive, 'positive predictions'; default: what fits."
        ),
    ] = None,
    classes: Annotated[int | None, typer.Option("--classes", min=2, help="Scores per row, one per class.")] = None,
    outputs: Annotated[
        int | None, typer.Option("--outputs", min=2, help="Scores per row, one per parameter of a distribution.")
    ] = None,
    style: Annotated[
        str | None, typer.Option("--style", help="native or scikit-learn; default: found from the arguments' names.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", "-i", help="Codes not to report.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on advice, too.")] = False,
    time_limit: Annotated[float, typer.Option("--time-limit", min=0.1, help="Seconds that one call may take.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Examine a hand-written objective: derivatives, curvature, weights, layout, overflow, and a short training.

    Runs the module and calls the objective, in a process of its own, with labels and scores made up for it. Exits
    with 1 when there is a fault.
    """
    from symloss.doctor.child import lint_in_child

    options = {
        "parameters": dict(_assigned(item) for item in parameters or []),
        "labels": labels,
        "classes": classes,
        "outputs": outputs,
        "style": style,
        "ignore": list(_words(ignore)),
    }
    with _progress("calling", show=not as_json) as progress:
        progress(named)
        diagnosis = lint_in_child(named, library, loss, time_limit, options)
    if as_json:
        typer.echo(json.dumps(diagnosis.as_data(), indent=2))
    else:
        _print_diagnosis(named, diagnosis)
    if not diagnosis.passed or (strict and diagnosis.advice):
        raise typer.Exit(1)


def _assigned(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    try:
        return name.strip(), float(number if equals else "")
    except ValueError:
        raise SymlossError(f"--set {text}: write it like --set delta=1.5") from None


def _print_diagnosis(named: str, diagnosis: Diagnosis) -> None:
    from symloss.doctor.diagnosis import described

    typer.echo(f"{named} was run and called as {diagnosis.library} does, {diagnosis.style} style, {diagnosis.labels}\n")
    rows = [[str(item.severity), item.code, described(item)] for item in diagnosis.symptoms]
    _table(["", "code", "what was seen"], rows, {"fault": "red", "advice": "yellow"})
    if diagnosis.corrected:
        typer.echo(f"\nA correct one:\n\n{diagnosis.corrected}\n")
    typer.echo(diagnosis.verdict)


def _print_report(item: Report) -> None:
    from symloss import report_text

    typer.echo(f"{item.loss}: {item.formula}\n")
    _table(["claim", "grade", "found", "why"], report_text.finding_rows(item))
    for line in report_text.closing_lines(item):
        typer.echo(line)
    typer.echo(f"\nboosters train {item.training.form.name}, {item.training.layout}")
    if item.training.curvatures:
        _table(["curvature", "positive", "why"], report_text.curvature_rows(item))
    _table(["library", "trains", "why"], report_text.library_rows(item))


@app.command(
    epilog="Examples: symloss generate · symloss generate huber -t numpy -o losses · "
    "symloss generate my_loss.py · symloss generate --check"
)
def generate(
    names: Names = None,
    target: Targets = None,
    out: Out = Path("generated"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail on stale, missing, edited or orphaned files.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited or not generated.")] = False,
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Generate code and LaTeX; what is fresh is left alone. --check exits with 1 when something is not."""
    from symloss import pipeline

    targets = _targets(target, pipeline.TARGETS)
    with _progress("checking" if check else "generating", show=not as_json) as progress:
        if check:
            outcomes = pipeline.check(names or [], targets, out, _processes(workers), progress)
        else:
            outcomes = pipeline.generate(
                names or [], targets, out, force=force, workers=_processes(workers), progress=progress
            )
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    if as_json:
        typer.echo(json.dumps([_outcome_data(outcome) for outcome in outcomes], indent=2))
    else:
        _print_generation(outcomes, problems, check=check)
    if problems:
        raise typer.Exit(1)


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "source": outcome.source.label,
        "written": [str(path) for path in outcome.written],
        "files": [str(path) for path in outcome.fresh],
        "problems": list(outcome.problems),
    }


def _print_generation(outcomes: list[Outcome], problems: list[str], *, check: bool) -> None:
    for problem in problems:
        typer.echo(problem)
    total = sum(len(outcome.fresh) for outcome in outcomes)
    if check:
        typer.echo(
            f"{len(problems)} of {_files(total)} need attention; run symloss generate"
            if problems
            else f"fresh: {_files(total)}"
        )
        return
    written = sum(len(outcome.written) for outcome in outcomes)
    typer.echo(f"{_files(written)} written, {total - written} already fresh")


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


@app.command(
    "compile",
    epilog="Examples: symloss compile huber · symloss compile my_loss.py -o losses · "
    "symloss compile --compiler clang --flags=-march=native · symloss compile huber --json",
)
def compile_losses(
    names: Names = None,
    out: Out = Path("generated"),
    compiler: Annotated[
        str | None, typer.Option("--compiler", metavar="COMMAND", help="C compiler; default: $CC, else cc, gcc, clang.")
    ] = None,
    flags: Annotated[str, typer.Option("--flags", help="Further flags for it, such as -march=native.")] = "",
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Build the C of losses into libraries, which the Python modules beside them call. Generates what is stale.

    Losses that compare samples with each other are not made in C.
    """
    import shlex

    from symloss import pipeline

    with _progress("compiling", show=not as_json) as progress:
        found = list(
            pipeline.compile_modules(
                names or [],
                out,
                compiler=compiler,
                flags=tuple(shlex.split(flags)),
                workers=_processes(workers),
                progress=progress,
            )
        )
    if as_json:
        data = [
            {"loss": item.loss, "library": str(item.library), "threads": item.has_threads, "seconds": item.seconds}
            for item in found
        ]
        typer.echo(json.dumps(data, indent=2))
        return
    rows = [
        [item.loss, str(item.library), "yes" if item.has_threads else "no", f"{item.seconds:.1f}"] for item in found
    ]
    _table(["loss", "library", "threads", "seconds"], rows)


@app.command(
    epilog="Examples: symloss verify · symloss verify huber -t numpy · symloss verify my_loss.py -o losses --json"
)
def verify(
    names: Names = None,
    target: Targets = None,
    out: Out = Path("generated"),
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Verify generated modules against multi-precision arithmetic, autodiff and finite differences.

    Without --target every target that has a folder and whose framework is installed. Exits with 1 on any failure.
    """
    from symloss import pipeline

    installed = pipeline.installed_targets(out)
    targets = _targets(target, tuple(name for name in installed if (out / name).is_dir()) or installed)
    with _progress("verifying", show=not as_json) as progress:
        reports = list(pipeline.verify(names or [], targets, out, workers=_processes(workers), progress=progress))
    if as_json:
        typer.echo(json.dumps([report.as_data() for report in reports], indent=2, default=str))
    else:
        _print_reports(reports)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _print_reports(reports: list[Verified]) -> None:
    rows = [
        [
            report.loss,
            report.target,
            str(report.points) + (f" ({report.undecided} undecided)" if report.undecided else ""),
            *(
                f"{report.worst[part]:.1f}" if part in report.worst else "–"
                for part in ("value", "gradient", "hessian")
            ),
            "pass" if report.passed else "FAIL",
        ]
        for report in reports
    ]
    _table(["loss", "target", "points", "value", "gradient", "hessian", "result"], rows)
    for report in reports:
        for failure in report.failures:
            typer.echo(str(failure))
    failed = sum(not report.passed for report in reports)
    typer.echo(
        "Errors are the worst over all points, in ulps of the result divided by 1 + S (see symloss.verify.checks)."
    )
    typer.echo(f"passed: {len(reports) - failed} of {len(reports)} modules")


@app.command(
    epilog="Examples: symloss certify huber · symloss certify --workers 4 · symloss certify my_loss.py -o losses "
    "--picture error.png · symloss certify hinge --exhaustive --dtype float16 · symloss certify huber -t tensorflow"
)
def certify(
    names: Names = None,
    target: Targets = None,
    dtype: Annotated[
        list[str] | None, typer.Option("--dtype", "-d", help="float64, float32; may be repeated or comma-separated.")
    ] = None,
    points: Annotated[int, typer.Option("--points", "-p", min=100, help="Samples per function and dtype.")] = 5000,
    out: Out = Path("generated"),
    save: Annotated[
        bool, typer.Option("--save/--no-save", help="Put the certificate into the modules and pages measured.")
    ] = True,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw error against prediction into this file (png, svg, pdf).")
    ] = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Try every float16 or float32 prediction, at the default parameters.")
    ] = False,
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Measure emitted code over the whole float range, in ulps of the correctly rounded truth, and say where it fails.

    Exits with 1 when a function is not certified everywhere.
    """
    from symloss import pipeline

    targets = _targets(target, ("numpy",))
    if exhaustive:
        _certify_exhaustively(names or [], targets, _words(dtype) or ("float16",), out, as_json=as_json)
        return
    if picture is not None:
        pipeline.check_picture(names or [], targets, picture)
    dtypes = _chosen(_words(dtype) or ("float64", "float32"), ("float64", "float32"), "dtype")
    total = len(pipeline.forms_of(names or [])) * len(targets)
    is_stored = save and set(dtypes) == {"float64", "float32"}
    with _bar("certifying", total, show=not as_json) as progress:
        found = list(
            pipeline.certify(
                names or [],
                targets,
                out,
                dtypes=dtypes,
                points=points,
                workers=_processes(workers),
                mend=is_stored,
                progress=progress,
            )
        )
    if picture is not None:
        typer.echo(str(pipeline.draw(names or [], targets, out, picture)), err=True)
    if is_stored:
        pipeline.store(found, names or [], out)
    if as_json:
        typer.echo(json.dumps([_examined_data(item) for item in found], indent=2))
    else:
        _print_certificates(found)
    if not all(item.is_certified for item in found):
        raise typer.Exit(1)


def _certify_exhaustively(
    names: list[str], targets: tuple[str, ...], dtypes: tuple[str, ...], out: Path, *, as_json: bool
) -> None:
    from symloss import pipeline

    chosen = _chosen(dtypes, ("float16", "float32"), "dtype")
    with _progress("trying every", show=not as_json) as progress:
        proofs = list(pipeline.certify_exhaustively(names, targets, chosen, out, progress))
    if as_json:
        typer.echo(json.dumps([proof.as_data() for proof in proofs], indent=2))
    else:
        columns = ["loss", "target", "dtype", "function", "inputs", "worst ulp", "at", "result"]
        _table(columns, [[*proof.cells(), "proved" if proof.is_proved else "FAIL"] for proof in proofs])
    if not all(proof.is_proved for proof in proofs):
        raise typer.Exit(1)


def _examined_data(item: Examined) -> dict[str, Any]:
    from symloss.verify.certificate import as_data

    return {
        "loss": item.loss,
        "target": item.target,
        "certified": item.is_certified,
        "environment": dict(item.environment),
        "measured": as_data(list(item.lines)),
    }


def _print_certificates(found: list[Examined]) -> None:
    columns = ["loss", "target", "dtype", "function", "points", "ulp", "ulp/(1+S)", "99.9 %", "99.9 %/(1+S)", "result"]
    rows, notes = [], []
    for line in (line for item in found for line in item.lines):
        data = line.as_data()
        errors = ("worst_ulps", "worst_conditioned", "ulps_999", "conditioned_999")
        rows.append(
            [
                line.loss,
                f"{line.target} {line.mode}".strip(),
                line.dtype,
                line.measurement.function,
                str(data["points"]) + (f" ({data['undecided']} undecided)" if data["undecided"] else ""),
                *("inf" if data[key] is None else f"{data[key]:.3g}" for key in errors),
                "certified" if line.is_certified else "FAIL",
            ]
        )
        if not line.is_certified:
            where = "; ".join(data["not_certified_in"][:3]) or "no point could be decided"
            notes.append(
                f"{line.loss} [{rows[-1][1]}] {line.dtype} {line.measurement.function}: "
                f"not certified, {data['bad_points']} points, in {where}"
            )
    _table(columns, rows)
    for note in notes:
        typer.echo(note)
    for environment in {json.dumps(dict(item.environment)): item.environment for item in found}.values():
        typer.echo("measured with " + ", ".join(f"{name} {value}" for name, value in environment.items()))
    typer.echo(f"certified: {sum(line.is_certified for item in found for line in item.lines)} of {len(rows)} functions")


@app.command(epilog="Examples: symloss latex huber > huber.tex · symloss latex huber --pdf --out papers")
def latex(
    name: Annotated[str, typer.Argument(help="A catalogue name or a Python file.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="Compile a PDF with pdflatex instead of printing LaTeX.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the PDF.")] = Path(),
) -> None:
    """Print the LaTeX of a loss, ready to input into a document, or make a PDF of it."""
    from symloss.handle import load

    handle = load(name)
    if not pdf:
        typer.echo(handle.latex(), nl=False)
        return
    from symloss.typeset import typeset

    typer.echo(str(typeset(handle, out)))


def _targets(given: list[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    from symloss import pipeline

    return _chosen(_words(given), pipeline.TARGETS, "target") or default


def _words(given: list[str] | None) -> tuple[str, ...]:
    """Repeated and comma-separated values, in order."""
    return tuple(dict.fromkeys(name.strip() for item in given or [] for name in item.split(",") if name.strip()))


def _chosen(wanted: tuple[str, ...], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise SymlossError(f"there is no {what} {', '.join(unknown)}; choose from {', '.join(known)}")
    return wanted


@contextmanager
def _progress(doing: str, *, show: bool) -> Iterator[Progress]:
    """A live line on a terminal; silence in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda label: None
        return
    from rich.console import Console

    with Console(stderr=True).status(doing) as status:
        yield lambda label: status.update(f"{doing} {label}")


@contextmanager
def _bar(doing: str, total: int, *, show: bool) -> Iterator[Progress]:
    """A progress bar on a terminal; silence in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda label: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda label: bar.update(task, advance=1, description=f"{doing} {label}")


def _table(columns: list[str], rows: list[list[str]], colours: Mapping[str, str] | None = None) -> None:
    """A coloured table on a terminal, tab-separated lines in a pipe; a row's first cell may name its colour."""
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*map(escape, row), style="red" if row[-1] == "FAIL" else (colours or {}).get(row[0]))
    Console().print(table)
