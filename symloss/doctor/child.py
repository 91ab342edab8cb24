"""An examination in a process of its own, which is ended where it hangs: what it runs is not ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symloss.doctor.diagnosis import Diagnosis
from symloss.doctor.symptoms import fault
from symloss.errors import SymlossError

_ROUNDS = 10  # calls that may each take the time limit
_LOADING = 60.0


def lint_in_child(
    named: str, library: str, loss: str | None, time_limit: float, options: Mapping[str, Any]
) -> Diagnosis:
    """Examine ``module.py:objective``; raises SymlossError where ``lint`` does."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "diagnosis.json"
        request = {"named": named, "library": library, "loss": loss, "time_limit": time_limit, "options": dict(options)}
        command = [sys.executable, "-m", "symloss.doctor.child", str(answer)]
        most = _LOADING + _ROUNDS * time_limit
        try:
            ended = subprocess.run(  # noqa: S603 - this Python, and a path of ours
                command, input=json.dumps(request), text=True, timeout=most, check=False, stdout=sys.stderr
            )
        except subprocess.TimeoutExpired:
            hang = fault("hangs", f"importing the module and examining the objective took more than {most:g} s")
            return Diagnosis(named, library, "unknown", "no labels", loss, (hang,))
        if not answer.is_file():
            died = fault("crashes", f"the process that called it ended with code {ended.returncode}, and no message")
            return Diagnosis(named, library, "unknown", "no labels", loss, (died,))
        said = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in said:
        raise SymlossError(said["error"])
    return Diagnosis.from_data(said)


def main() -> None:
    """Answer the request on standard input; a thread that hangs does not keep the process."""
    from symloss.doctor.door import lint
    from symloss.doctor.source import load_objective

    answer, request = Path(sys.argv[1]), json.loads(sys.stdin.read())
    try:
        objective = load_objective(request["named"])
        diagnosis = lint(
            objective, request["library"], request["loss"], time_limit=request["time_limit"], **request["options"]
        )
        said = diagnosis.as_data()
    except SymlossError as error:
        said = {"error": str(error)}
    answer.write_text(json.dumps(said), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
