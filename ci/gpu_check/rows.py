"""The rows of the check: what each runs, for how long at most, and what its output says."""

import json
import pathlib
import re
import time

from . import resume
from .programs import Ended

NAMES = ("worker", "parity", "demo", "resume", "train", "predict", "load", "original")
# Seconds for each row, and for all of them together.
LIMITS = {
    "cuda": {"worker": 20, "parity": 100, "demo": 120, "resume": 60, "train": 45, "predict": 45, "load": 30, "original": 60},
    "cpu": {"worker": 30, "parity": 300, "demo": 540, "resume": 180, "train": 120, "predict": 120, "load": 60, "original": 180},
}
TOGETHER = {"cuda": 480, "cpu": 900}
# Sizes of the measurements. A step takes seconds on a CPU and milliseconds on a GPU.
SIZES = {
    "cuda": {"warmup": 5, "steps": 20, "questions": 2048, "batch": 256, "rounds": 5, "images": 1024, "epochs": 2},
    "cpu": {"warmup": 1, "steps": 2, "questions": 64, "batch": 64, "rounds": 2, "images": 512, "epochs": 2},
}
ORIGINAL = pathlib.Path(__file__).with_name("original.py")


def run(programs, asked, original):
    """Runs the rows that were asked for and yields each one, with the others marked as not asked for."""
    device = programs.device
    until = time.monotonic() + TOGETHER[device]
    for name in NAMES:
        if name not in asked:
            yield row(name, "not asked for", "left out by --rows")
            continue
        if name == "original" and original is None:
            yield row(name, "not asked for", "name a checkout of the original with --original to compare with it")
            continue
        limit = min(LIMITS[device][name], until - time.monotonic())
        if limit <= 1:
            yield row(name, "missing", f"no time was left of {TOGETHER[device]} s for all rows")
            continue
        started = time.monotonic()
        try:
            status, figures, why = ROWS[name](programs, limit, original)
        except (OSError, ValueError, KeyError, IndexError) as error:
            # Output that another version of a program wrote: the row failed, the others go on.
            status, figures, why = "failed", {}, f"its output was not understood: {type(error).__name__}: {error}"
        yield row(name, status, why, time.monotonic() - started, limit, figures)


def row(name, status, why, seconds=0.0, limit=0.0, figures=None):
    """Returns a row of the report."""
    return {
        "name": name, "status": status, "why": why, "seconds": round(seconds, 2), "limit_seconds": round(limit, 1), "figures": figures or {},
    }


def ended_well(ended: Ended, limit):
    """Returns None if a program succeeded, else what a failed row says."""
    return None if ended.code == 0 else ("failed", {}, ended.reason(limit))


def worker(programs, limit, _):
    """The worker starts with the torch of this machine and sees the device."""
    told = programs.run("worker", [programs.path("repro-worker"), "devices", programs.device], limit)
    events = {event["event"]: event for event in map(json.loads, told.stdout.splitlines()) if "event" in event}
    if "failed" in events:
        error = events["failed"]["error"]
        return "failed", {}, ": ".join([error["what"], *error.get("causes", [])])
    if told.code != 0:
        return "failed", {}, told.reason(limit)
    hello, devices = events["hello"], events["done"]["result"]
    return "passed", {"devices": devices, "versions": hello["versions"], "cuda": hello["cuda"], "gpus": hello["gpus"]}, None


# Tests that ask nothing of the device (a wrong folder of fixtures, decoding, an old form of weights), or what is too large to carry.
NOT_HERE = ("wrong_folder", "butd_decoded_pictures", "butd_weights_in_the_old_form", "butd_the_full_size_network")


def parity(programs, limit, _):
    """Outputs, gradients and steps equal the original's, in f32."""
    more = {"REPRO_PARITY_DEVICE": programs.device, "REPRO_FIXTURES": str(programs.folder / "fixtures")}
    # Several tests share the cores: threads that wait must not keep the others from running.
    more["GOMP_SPINCOUNT"] = "1000"
    skipped = [word for name in NOT_HERE for word in ("--skip", name)]
    told = programs.run("parity", [programs.path("parity"), *skipped], limit, more)
    counts = re.search(r"test result: \w+\. (\d+) passed; (\d+) failed", told.stdout)
    absent = sorted(set(re.findall(r"skipped: (.*) is not there", told.stderr)))
    figures = {"passed": int(counts.group(1)), "failed": int(counts.group(2))} if counts else {}
    figures |= {"missing_fixtures": absent, "gpu_bytes": told.gpu_bytes}
    if told.code != 0:
        names = re.findall(r"^test (\S+) \.\.\. FAILED", told.stdout, re.MULTILINE)
        return "failed", figures, f"{', '.join(names)}: see logs/parity.stdout.txt" if names else told.reason(limit)
    if absent:
        return "missing", figures, f"fixtures are missing: {len(absent)}, such as {absent[0]}"
    return "passed", figures, None


def demo(programs, limit, _):
    """The demo trains and answers on the device, and its results agree with the recorded runs."""
    workspace = programs.work / "workspace"
    told = programs.repro(
        "demo", ["all", "--profile", "demo", "--device", programs.device, "--workspace", str(workspace)], limit
    )
    figures = {"gpu_bytes": told.gpu_bytes}
    report = workspace / "runs" / "latest" / "report.json"
    if report.is_file():
        read = json.loads(report.read_text())
        figures |= {"verdict": read.get("verdict"), "results": [
            {key: one.get(key) for key in ("name", "verdict", "n", "observed", "expected")} for one in read.get("rows", [])
        ]}
    if told.code == 3:
        return "inconclusive", figures, "a verdict is INCONCLUSIVE: see logs/demo.stdout.txt"
    return ended_well(told, limit) or ("passed", figures, None)


def resumed(programs, limit, _):
    """A training that is stopped and resumed ends with the same weights."""
    root = resume.data_root(programs.work, programs.work / "workspace" / "runs" / "latest")
    if root is None:
        return "missing", {}, "the demo's row, which draws the data, was not run or failed"
    return resume.run(programs, limit, root, SIZES[programs.device]["epochs"])


def measured(name, arguments):
    """Returns a row that is passed when `repro bench` ends well."""

    def measure(programs, limit, _):
        sizes = {key: str(value) for key, value in SIZES[programs.device].items()}
        told = programs.repro(name, ["bench", name, "--device", programs.device, *(part.format(**sizes) for part in arguments)], limit)
        wrong = ended_well(told, limit)
        if wrong:
            return wrong
        figures = json.loads(told.stdout)
        figures["gpu_bytes"] = told.gpu_bytes
        return "passed", figures, None

    return measure


def originals(programs, limit, original):
    """The original's training step and answering on the same device, with the same sizes."""
    sizes = SIZES[programs.device]
    told = programs.run(
        "original",
        [
            programs.torch.python, str(ORIGINAL), str(original), programs.device, str(sizes["warmup"]), str(sizes["steps"]),
            str(sizes["questions"]), str(sizes["batch"]), str(sizes["rounds"]),
        ],
        limit,
    )
    wrong = ended_well(told, limit)
    if wrong:
        return wrong
    figures = json.loads(told.stdout.splitlines()[-1])
    figures["gpu_bytes"] = told.gpu_bytes
    return "passed", figures, None


ROWS = {
    "worker": worker,
    "parity": parity,
    "demo": demo,
    "resume": resumed,
    "train": measured("train", ["--warmup", "{warmup}", "--steps", "{steps}"]),
    "predict": measured(
        "predict", ["--warmup", "1", "--steps", "{rounds}", "--questions", "{questions}", "--batch-size", "{batch}"]
    ),
    "load": measured("load", ["--images", "{images}"]),
    "original": originals,
}
