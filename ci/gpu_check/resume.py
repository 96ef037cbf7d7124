"""Stops a training of the demo's data in its middle, resumes it, and compares its weights with those of uninterrupted trainings."""

import os
import signal
import subprocess
import time

from . import weights
from .failure import INTERRUPTED

# The demo trains about 150 steps an epoch on VQA.
SNAPSHOT_STEPS = 40


def data_root(work, runs):
    """Makes a folder laid out as the original's `data/` from the demo's run; None if that run has no scenes or features."""
    scenes, features = runs / "scenes" / "data", runs / "features"
    if not scenes.is_dir() or not features.is_dir():
        return None
    root = work / "data"
    root.mkdir(exist_ok=True)
    for folder in (scenes, features):
        for one in folder.resolve().iterdir():
            if not (root / one.name).exists():
                (root / one.name).symlink_to(one)
    return root


def run(programs, limit, root, epochs):
    """Returns (status, figures, reason)."""
    until = time.monotonic() + limit

    def train(name, *more):
        return [
            programs.path("repro"), "train", "vqa", "--data-root", str(root), "--workspace", str(programs.work), "--model", "demo",
            "--from-scratch", "--train", "train", "--valid", "", "--batch-size", "64", "--lr", "1e-3", "--epochs", str(epochs),
            "--snapshot-every", str(SNAPSHOT_STEPS), "--device", programs.device, "--output", str(programs.work / name), *more,
        ]

    def left():
        return until - time.monotonic()

    for name in ("whole", "again"):
        ended = programs.run(f"resume-{name}", train(name), left())
        if ended.code != 0:
            return "failed", {}, f"the uninterrupted training: {ended.reason(limit)}"
    stopped_after = stop(programs, train("stopped"), left())
    if isinstance(stopped_after, str):
        return "failed", {}, stopped_after
    ended = programs.run("resume-resumed", train("stopped", "--resume"), left())
    if ended.code != 0:
        return "failed", {}, f"the resumed training: {ended.reason(limit)}"
    last = "LAST.safetensors"
    whole, again, resumed = (programs.work / name / last for name in ("whole", "again", "stopped"))
    repeated, compared = weights.compare(whole, again), weights.compare(whole, resumed)
    figures = {
        "epochs": epochs,
        "stopped_after_step": stopped_after,
        "bit_identical": compared["different"] == 0,
        "resumed_against_whole": compared,
        "two_whole_trainings": repeated,
    }
    if compared["different"] == 0:
        return "passed", figures, None
    told = f"{compared['different']} of {compared['numbers']} weights differ, by at most {compared['largest_difference']:.3g}"
    if repeated["different"] == 0:
        return "failed", figures, f"{told}, and two uninterrupted trainings are bit-identical"
    return "inconclusive", figures, f"{told}; so do two uninterrupted trainings ({repeated['largest_difference']:.3g}): this device does not repeat itself"


def stop(programs, command, limit):
    """Starts a training and stops it with SIGTERM after its first snapshot. Returns the step after which it stopped, or what was wrong."""
    until = time.monotonic() + limit
    log = programs.logs / "resume-stopped.stderr.txt"
    with open(log, "wb") as stderr:
        child = programs.start(command, stdout=subprocess.DEVNULL, stderr=stderr)
        snapshots = programs.work / "stopped" / "snapshots"
        try:
            while child.poll() is None and not steps(snapshots) and time.monotonic() < until:
                time.sleep(0.002)
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            code = child.wait(timeout=max(until - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f"the training did not stop within {limit:.0f} s"
    if code == 0:
        return "the training ended before it could be stopped"
    if code != INTERRUPTED:
        return f"the training that was stopped ended with exit code {code}, not {INTERRUPTED}; see {log.name}"
    return max(steps(snapshots), default=0)


def steps(snapshots):
    """Returns the steps of the snapshots in a folder, without that of the start."""
    names = (path.name for path in snapshots.glob("step-*.safetensors")) if snapshots.is_dir() else ()
    return [int(name[5:17]) for name in names if name[5:17].isdigit() and int(name[5:17]) > 0]
