"""The command line of ci/gpu-check: looks at everything that it names, runs the rows, writes the report."""

import os
import pathlib
import shutil
import sys
import tempfile
import time

from . import machine, pack, report, rows, torch_folder
from .failure import DATA, FAIL, INCONCLUSIVE, INFRA, INTERRUPTED, PASS, USAGE, Failure
from .programs import Programs

ROOT = pathlib.Path(__file__).resolve().parents[2]
VALUES = {"--device", "--original", "--python", "--out", "--rows"}


def main(arguments, help_text):
    """Runs the command and returns its exit code."""
    try:
        if "-h" in arguments or "--help" in arguments:
            print(help_text.strip())
            return PASS
        options = parse(arguments)
        if options.get("--pack"):
            return pack.pack(ROOT)
        return check(options)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        print("gpu-check: stopped", file=sys.stderr)
        return INTERRUPTED


def parse(arguments):
    """Returns the options of a command line."""
    options, rest = {}, list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "--pack" and not equals:
            options[name] = True
        elif name in VALUES and (equals or rest):
            options[name] = value if equals else rest.pop(0)
        else:
            wrong = f"{name} needs a value" if name in VALUES else f"unknown argument {name}"
            raise Failure(USAGE, wrong, "see ci/gpu-check -h")
    if options.get("--pack") and len(options) > 1:
        raise Failure(USAGE, "--pack takes no other options", "run ci/gpu-check --pack alone")
    if options.get("--device", "cuda") not in ("cuda", "cpu"):
        raise Failure(USAGE, f"unknown device {options['--device']}", "use --device cuda or --device cpu")
    asked = options.get("--rows", ",".join(rows.NAMES)).split(",")
    unknown = [name for name in asked if name not in rows.NAMES]
    if unknown:
        raise Failure(USAGE, f"there is no row {unknown[0]!r}", f"choose of {', '.join(rows.NAMES)}")
    options["--rows"] = asked
    return options


def packed():
    """Returns the folder with what was packed: the one that this script lies in, or the one in the checkout's target folder."""
    for folder in (ROOT, pack.target(ROOT) / pack.NAME):
        if (folder / pack.LIST).is_file():
            return folder
    raise Failure(
        DATA,
        f"there is no {pack.target(ROOT) / pack.NAME}: nothing was packed",
        "run ci/gpu-check --pack on a machine that builds, and carry that folder here",
    )


def checkout(folder):
    """Returns the checkout of the original after looking for the files that are measured."""
    folder = pathlib.Path(folder).resolve()
    for file in ("src/tasks/vqa_model.py", "src/lxrt/modeling.py", "src/lxrt/optimization.py"):
        if not (folder / file).is_file():
            raise Failure(
                USAGE,
                f"--original {folder} is no checkout of the original: it has no {file}",
                "name a checkout of github.com/airsplay/lxmert, or leave the option out",
            )
    return folder


def check(options):
    """Checks the machine and returns the exit code."""
    device = options.get("--device", "cuda")
    gpus = machine.gpus()
    if device == "cuda" and not gpus:
        raise Failure(
            INFRA,
            "no GPU was found: nvidia-smi is missing or lists none",
            "run this on a machine with an NVIDIA GPU and its driver, or pass --device cpu",
        )
    folder = packed()
    listed = pack.check(folder)
    original = checkout(options["--original"]) if "--original" in options else None
    torch = torch_folder.find(options.get("--python"), device)
    out = pathlib.Path(options.get("--out", ROOT / "target/gpu-check-report")).resolve()
    facts = machine.facts(gpus, torch)
    started = time.time()
    try:
        out.mkdir(parents=True, exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix=".work-", dir=out))
    except OSError as error:
        raise Failure(INFRA, f"{out} cannot be written: {error.strerror}", "choose another folder with --out") from error
    try:
        programs = Programs(folder, torch, device, out / "logs", work)
        done = []
        for row in rows.run(programs, options["--rows"], original):
            done.append(row)
            print(report.line(row), flush=True)
        result = report.make(done, device, facts, listed, started)
        report.write(out, result)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"\n{report.table(result)}\n\nwritten to {os.path.relpath(out)}: {report.JSON}, {report.TEXT}, logs/")
    states = {row["status"] for row in done}
    if "failed" in states:
        return FAIL
    return INCONCLUSIVE if states & {"inconclusive", "missing"} else PASS
