"""The command line: parses and prints, nothing else. Heavy imports happen inside the commands that need them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symloss import __version__
from symloss.errors import SymlossError
from symloss.terminal import print_table, show_bar, show_progress

if TYPE_CHECKING:
    from symloss.analyse.report import Report
    from symloss.doctor.diagnosis import Diagnosis
    from symloss.pipeline import Examined, Outcome
    from symloss.verify.parity import Parity as Compared
    from symloss.verify.report import Report as Verified

_TARGETS = (
    "numpy, tensorflow, torch, jax, keras, numba, c, xgboost, lightgbm, catboost, docs; may be repeated or "
    "comma-separated."
)

names_argument = click.argument("names", nargs=-1, metavar="[NAMES|FILES]...")
name_argument = click.argument("name", metavar="NAME|FILE")
target_option = click.option("--target", "-t", multiple=True, metavar="TARGET", help=_TARGETS)
out_option = click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    default="generated",
    show_default=True,
    help="Folder that holds one folder per target.",
)
workers_option = click.option(
    "--workers", "-w", type=click.IntRange(min=0), default=0, help="Processes; default: one per core."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def _examples(*lines: str) -> str:
    """Commands to try, one per line, for the end of a help page."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def main() -> None:
    """Run; deliberate errors are one line on standard error and exit code 2."""
    try:
        app()
    except SymlossError as error:
        click.echo(f"symloss: {error}", err=True)
        sys.exit(2)


@click.group(
    name="symloss",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_examples("symloss list", "symloss show huber", "symloss generate huber --target numpy --out losses"),
)
@click.version_option(__version__, "--version", prog_name="symloss", message="%(prog)s %(version)s")
def app() -> None:
    """Declare a loss once, in SymPy; get verified code, derivatives and LaTeX."""


def _processes(workers: int) -> int:
    return workers or os.cpu_count() or 1


@app.command(
    "list",
    short_help="Every loss of the catalogue, and what it is.",
    epilog=_examples("symloss list", "symloss list --json"),
)
@json_option
def list_losses(as_json: bool) -> None:
    """List the catalogue: every generated module, its family and what it is."""
    from symloss import catalogue

    rows = [
        {"name": form.name, "family": form.family, "declared_in": name, "summary": form.summary}
        for name in catalogue.files()
        for form in catalogue.declared(name).generated_forms()
    ]
    rows.sort(key=lambda row: row["name"])
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    print_table(["name", "family", "summary"], [[row["name"], row["family"], row["summary"]] for row in rows])


@app.command(
    short_help="Formula, derivatives, kinks and parameters.",
    epilog=_examples("symloss show huber", "symloss show my_loss.py", "symloss show tweedie --json"),
)
@name_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show formula, gradient, Hessian, kinks and parameters in readable Unicode."""
    from symloss.handle import load, load_file
    from symloss.presentation import as_data, as_text

    handles = load_file(Path(name)) if name.endswith(".py") else [load(name)]
    if as_json:
        shown = [as_data(handle) for handle in handles]
        click.echo(json.dumps(shown if len(shown) > 1 else shown[0], indent=2))
        return
    click.echo("\n\n".join(as_text(handle) for handle in handles))


@app.command(
    short_help="What is proved about a loss, and what is not.",
    epilog=_examples("symloss report huber", "symloss report my_loss.py", "symloss report focal_binary --json"),
)
@name_argument
@json_option
def report(name: str, as_json: bool) -> None:
    """Report what is proved, supported or refuted about a loss: kinks, curvature, constants, minimiser, boosters.

    Proved follows from the expression; supported means that no number tried contradicts it; refuted comes with a point.
    """
    from symloss.handle import load, load_file

    handles = load_file(Path(name)) if name.endswith(".py") else [load(name)]
    with show_progress("examining", show=not as_json) as progress:
        reports = []
        for handle in handles:
            progress(handle.name)
            reports.append(handle.report())
    if as_json:
        data = [item.as_data() for item in reports]
        click.echo(json.dumps(data if len(data) > 1 else data[0], indent=2))
        return
    for item in reports:
        _print_report(item)


@app.command(
    short_help="Examine a hand-written booster objective.",
    epilog=_examples(
        "symloss lint train.py:objective --for xgboost",
        "symloss lint train.py:huber --for lightgbm --loss huber --set delta=2",
        "symloss lint train.py:Focal --for catboost --labels binary --json",
    ),
)
@click.argument("named", metavar="MODULE.PY:OBJECTIVE")
@click.option("--for", "library", required=True, help="xgboost, lightgbm, catboost: whose conventions count.")
@click.option("--loss", "-l", help="The loss it should be of: a catalogue name or a Python file.")
@click.option(
    "--set", "parameters", multiple=True, metavar="NAME=NUMBER", help="A parameter of the loss; may be repeated."
)
@click.option("--labels", help="real, binary, signs, counts, positive, 'positive predictions'; default: what fits.")
@click.option("--classes", type=click.IntRange(min=2), help="Scores per row, one per class.")
@click.option("--outputs", type=click.IntRange(min=2), help="Scores per row, one per parameter of a distribution.")
@click.option("--style", help="native or scikit-learn; default: found from the arguments' names.")
@click.option("--ignore", "-i", multiple=True, metavar="CODE", help="Codes not to report.")
@click.option("--strict", is_flag=True, help="Fail on advice, too.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Seconds that one call may take.",
)
@json_option
def lint(
    named: str,
    library: str,
    loss: str | None,
    parameters: tuple[str, ...],
    labels: str | None,
    classes: int | None,
    outputs: int | None,
    style: str | None,
    ignore: tuple[str, ...],
    strict: bool,
    time_limit: float,
    as_json: bool,
) -> None:
    """Examine a hand-written objective: derivatives, curvature, weights, layout, overflow, and a short training.

    Runs the module and calls the objective, in a process of its own, with labels and scores made up for it. Exits
    with 1 when there is a fault.
    """
    from symloss.doctor.child import lint_in_child

    options = {
        "parameters": dict(_assigned(item) for item in parameters),
        "labels": labels,
        "classes": classes,
        "outputs": outputs,
        "style": style,
        "ignore": list(_words(ignore)),
    }
    with show_progress("calling", show=not as_json) as progress:
        progress(named)
        diagnosis = lint_in_child(named, library, loss, time_limit, options)
    if as_json:
        click.echo(json.dumps(diagnosis.as_data(), indent=2))
    else:
        _print_diagnosis(named, diagnosis)
    if not diagnosis.passed or (strict and diagnosis.advice):
        sys.exit(1)


def _assigned(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    try:
        return name.strip(), float(number if equals else "")
    except ValueError:
        raise SymlossError(f"--set {text}: write it like --set delta=1.5") from None


def _print_diagnosis(named: str, diagnosis: Diagnosis) -> None:
    from symloss.doctor.diagnosis import described

    click.echo(f"{named} was run and called as {diagnosis.library} does, {diagnosis.style} style, {diagnosis.labels}\n")
    rows = [[str(item.severity), item.code, described(item)] for item in diagnosis.symptoms]
    print_table(["", "code", "what was seen"], rows, {"fault": "red", "advice": "yellow"})
    if diagnosis.corrected:
        click.echo(f"\nA correct one:\n\n{diagnosis.corrected}\n")
    click.echo(diagnosis.verdict)


def _print_report(item: Report) -> None:
    from symloss import report_text

    click.echo(f"{item.loss}: {item.formula}\n")
    print_table(["claim", "grade", "found", "why"], report_text.finding_rows(item))
    for line in report_text.closing_lines(item):
        click.echo(line)
    click.echo(f"\nboosters train {item.training.form.name}, {item.training.layout}")
    if item.training.curvatures:
        print_table(["curvature", "positive", "why"], report_text.curvature_rows(item))
    print_table(["library", "trains", "why"], report_text.library_rows(item))


@app.command(
    short_help="Write code and LaTeX.",
    epilog=_examples(
        "symloss generate",
        "symloss generate huber -t numpy -o losses",
        "symloss generate my_loss.py",
        "symloss generate --check",
    ),
)
@names_argument
@target_option
@out_option
@click.option("--check", is_flag=True, help="Write nothing; fail on stale, missing, edited or orphaned files.")
@click.option("--force", is_flag=True, help="Overwrite files that were edited or not generated.")
@workers_option
@json_option
def generate(
    names: tuple[str, ...],
    target: tuple[str, ...],
    out: Path,
    check: bool,
    force: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Generate code and LaTeX of the catalogue, or of the losses and files named; what is fresh is left alone.

    --check exits with 1 when something is not fresh.
    """
    from symloss import pipeline

    targets = _targets(target, pipeline.TARGETS)
    with show_progress("checking" if check else "generating", show=not as_json) as progress:
        if check:
            outcomes = pipeline.check(names, targets, out, _processes(workers), progress)
        else:
            outcomes = pipeline.generate(
                names, targets, out, force=force, workers=_processes(workers), progress=progress
            )
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    if as_json:
        click.echo(json.dumps([_outcome_data(outcome) for outcome in outcomes], indent=2))
    else:
        _print_generation(outcomes, problems, check=check)
    if problems:
        sys.exit(1)


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "source": outcome.source.label,
        "written": [str(path) for path in outcome.written],
        "files": [str(path) for path in outcome.fresh],
        "problems": list(outcome.problems),
    }


def _print_generation(outcomes: list[Outcome], problems: list[str], *, check: bool) -> None:
    for problem in problems:
        click.echo(problem)
    total = sum(len(outcome.fresh) for outcome in outcomes)
    if check:
        click.echo(
            f"{len(problems)} of {_files(total)} need attention; run symloss generate"
            if problems
            else f"fresh: {_files(total)}"
        )
        return
    written = sum(len(outcome.written) for outcome in outcomes)
    click.echo(f"{_files(written)} written, {total - written} already fresh")


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


@app.command(
    "compile",
    short_help="Build the C of losses into libraries.",
    epilog=_examples(
        "symloss compile huber",
        "symloss compile my_loss.py -o losses",
        "symloss compile --compiler clang --flags=-march=native",
        "symloss compile huber --json",
    ),
)
@names_argument
@out_option
@click.option("--compiler", metavar="COMMAND", help="C compiler; default: $CC, else cc, gcc, clang.")
@click.option("--flags", default="", help="Further flags for it, such as -march=native.")
@workers_option
@json_option
def compile_losses(
    names: tuple[str, ...], out: Path, compiler: str | None, flags: str, workers: int, as_json: bool
) -> None:
    """Build the C of losses into libraries, which the Python modules beside them call. Generates what is stale.

    Losses that compare samples with each other are not made in C.
    """
    import shlex

    from symloss import pipeline

    with show_progress("compiling", show=not as_json) as progress:
        found = list(
            pipeline.compile_modules(
                names,
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
        click.echo(json.dumps(data, indent=2))
        return
    rows = [
        [item.loss, str(item.library), "yes" if item.has_threads else "no", f"{item.seconds:.1f}"] for item in found
    ]
    print_table(["loss", "library", "threads", "seconds"], rows)


@app.command(
    short_help="Check generated code against exact arithmetic.",
    epilog=_examples(
        "symloss verify",
        "symloss verify huber -t numpy",
        "symloss verify my_loss.py -o losses --json",
        "symloss verify --parity huber -t numpy,torch,jax",
    ),
)
@names_argument
@target_option
@out_option
@click.option("--parity", is_flag=True, help="Compare the targets with each other over the whole float range instead.")
@click.option(
    "--points",
    "-p",
    type=click.IntRange(min=20),
    default=300,
    show_default=True,
    help="Samples per function and dtype that --parity compares.",
)
@workers_option
@json_option
def verify(
    names: tuple[str, ...],
    target: tuple[str, ...],
    out: Path,
    parity: bool,
    points: int,
    workers: int,
    as_json: bool,
) -> None:
    """Verify generated modules against multi-precision arithmetic, autodiff and finite differences.

    Without --target every target that has a folder and whose framework is installed. Exits with 1 on any failure.
    """
    from symloss import pipeline

    installed = pipeline.installed_targets(out)
    targets = _targets(target, tuple(name for name in installed if (out / name).is_dir()) or installed)
    if parity:
        _verify_parity(names, targets, out, points, workers, as_json=as_json)
        return
    with show_progress("verifying", show=not as_json) as progress:
        reports = list(pipeline.verify(names, targets, out, workers=_processes(workers), progress=progress))
    if as_json:
        click.echo(json.dumps([report.as_data() for report in reports], indent=2, default=str))
    else:
        _print_reports(reports)
    if not all(report.passed for report in reports):
        sys.exit(1)


def _verify_parity(
    names: tuple[str, ...], targets: tuple[str, ...], out: Path, points: int, workers: int, *, as_json: bool
) -> None:
    """The largest difference between any two targets, of every loss, function and dtype."""
    from symloss import pipeline

    with show_bar("comparing", len(pipeline.forms_of(names)), show=not as_json) as progress:
        found = list(
            pipeline.parity(
                names,
                targets,
                out,
                dtypes=("float64", "float32"),
                points=points,
                workers=_processes(workers),
                progress=progress,
            )
        )
    if as_json:
        click.echo(json.dumps([item.as_data() for item in found], indent=2))
    else:
        _print_parity(found)
    if not all(item.passed for item in found):
        sys.exit(1)


def _print_parity(found: list[Compared]) -> None:
    headings = ["loss", "function", "dtype", "points", "difference", "between", "bound", "result"]
    rows = [
        [
            item.loss,
            item.function,
            item.dtype,
            str(item.points),
            f"{item.difference:.3g}",
            " and ".join(item.between),
            f"{item.bound:g}",
            "pass" if item.passed else "FAIL",
        ]
        for item in found
    ]
    print_table(headings, rows)
    for item in (item for item in found if not item.passed):
        for failure in item.failures():
            click.echo(failure)
    click.echo("Differences are the largest between any two targets, in ulps of the true result divided by 1 + S;")
    click.echo("the bound is the sum of what the certificates of the two allow.")
    click.echo(f"passed: {sum(item.passed for item in found)} of {len(found)} functions")


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
    print_table(["loss", "target", "points", "value", "gradient", "hessian", "result"], rows)
    for report in reports:
        for failure in report.failures:
            click.echo(str(failure))
    failed = sum(not report.passed for report in reports)
    click.echo(
        "Errors are the worst over all points, in ulps of the result divided by 1 + S (see symloss.verify.checks)."
    )
    click.echo(f"passed: {len(reports) - failed} of {len(reports)} modules")


@app.command(
    short_help="Measure generated code over all floats.",
    epilog=_examples(
        "symloss certify huber",
        "symloss certify huber -t tensorflow",
        "symloss certify --workers 4",
        "symloss certify my_loss.py -o losses --picture error.png",
        "symloss certify hinge --exhaustive --dtype float16",
    ),
)
@names_argument
@target_option
@click.option(
    "--dtype", "-d", multiple=True, metavar="DTYPE", help="float64, float32; may be repeated or comma-separated."
)
@click.option(
    "--points",
    "-p",
    type=click.IntRange(min=100),
    default=5000,
    show_default=True,
    help="Samples per function and dtype.",
)
@out_option
@click.option(
    "--save/--no-save", default=True, show_default=True, help="Put the certificate into the modules and pages measured."
)
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Draw error against prediction into this file (png, svg, pdf)."
)
@click.option("--exhaustive", is_flag=True, help="Try every float16 or float32 prediction, at the default parameters.")
@workers_option
@json_option
def certify(
    names: tuple[str, ...],
    target: tuple[str, ...],
    dtype: tuple[str, ...],
    points: int,
    out: Path,
    save: bool,
    picture: Path | None,
    exhaustive: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Measure emitted code over the whole float range, in ulps of the correctly rounded truth, and say where it fails.

    Exits with 1 when a function is not certified everywhere.
    """
    from symloss import pipeline

    targets = _targets(target, ("numpy",))
    if exhaustive:
        _certify_exhaustively(names, targets, _words(dtype) or ("float16",), out, as_json=as_json)
        return
    if picture is not None:
        pipeline.check_picture(names, targets, picture)
    dtypes = _chosen(_words(dtype) or ("float64", "float32"), ("float64", "float32"), "dtype")
    total = len(pipeline.forms_of(names)) * len(targets)
    is_stored = save and set(dtypes) == {"float64", "float32"}
    with show_bar("certifying", total, show=not as_json) as progress:
        found = list(
            pipeline.certify(
                names,
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
        click.echo(str(pipeline.draw(names, targets, out, picture)), err=True)
    if is_stored:
        pipeline.store(found, names, out)
        _say_what_to_build([item for item in found if item.target in pipeline.BUILT_TARGETS])
    if as_json:
        click.echo(json.dumps([_examined_data(item) for item in found], indent=2))
    else:
        _print_certificates(found)
    if not all(item.is_certified for item in found):
        sys.exit(1)


def _say_what_to_build(found: list[Examined]) -> None:
    """Of compiled modules that measurement gave dearer numbers, whose libraries are of other code now."""
    names = [item.loss for item in found if not item.arithmetic.is_plain]
    if names:
        click.echo(
            f"measurement chose the numbers that code is made for; build it: symloss compile {' '.join(names)}",
            err=True,
        )


def _certify_exhaustively(
    names: tuple[str, ...], targets: tuple[str, ...], dtypes: tuple[str, ...], out: Path, *, as_json: bool
) -> None:
    from symloss import pipeline

    chosen = _chosen(dtypes, ("float16", "float32"), "dtype")
    with show_progress("trying every", show=not as_json) as progress:
        proofs = list(pipeline.certify_exhaustively(names, targets, chosen, out, progress))
    if as_json:
        click.echo(json.dumps([proof.as_data() for proof in proofs], indent=2))
    else:
        columns = ["loss", "target", "dtype", "function", "inputs", "worst ulp", "at", "result"]
        print_table(columns, [[*proof.cells(), "proved" if proof.is_proved else "FAIL"] for proof in proofs])
    if not all(proof.is_proved for proof in proofs):
        sys.exit(1)


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
    print_table(columns, rows)
    for note in notes:
        click.echo(note)
    for environment in {json.dumps(dict(item.environment)): item.environment for item in found}.values():
        click.echo("measured with " + ", ".join(f"{name} {value}" for name, value in environment.items()))
    click.echo(f"certified: {sum(line.is_certified for item in found for line in item.lines)} of {len(rows)} functions")


@app.command(
    short_help="Print LaTeX, or make a PDF.",
    epilog=_examples("symloss latex huber > huber.tex", "symloss latex huber --pdf --out papers"),
)
@name_argument
@click.option("--pdf", is_flag=True, help="Compile a PDF with pdflatex instead of printing LaTeX.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), default=".", show_default=True, help="Folder for the PDF."
)
def latex(name: str, pdf: bool, out: Path) -> None:
    """Print the LaTeX of a loss, ready to input into a document, or make a PDF of it."""
    from symloss.handle import load

    handle = load(name)
    if not pdf:
        click.echo(handle.latex(), nl=False)
        return
    from symloss.typeset import typeset

    click.echo(str(typeset(handle, out)))


def _targets(given: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    from symloss import pipeline

    return _chosen(_words(given), pipeline.TARGETS, "target") or default


def _words(given: tuple[str, ...]) -> tuple[str, ...]:
    """Repeated and comma-separated values, in order."""
    return tuple(dict.fromkeys(name.strip() for item in given for name in item.split(",") if name.strip()))


def _chosen(wanted: tuple[str, ...], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise SymlossError(f"there is no {what} {', '.join(unknown)}; choose from {', '.join(known)}")
    return wanted
