"""The report of the check: one JSON file, and a table that people read."""

import os
import pathlib
import time

import json

SCHEMA = 1
JSON, TEXT = "report.json", "report.txt"


def make(rows, device, machine, packed, started):
    """Returns the report."""
    return {
        "schema": SCHEMA,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 1),
        "device": device,
        "machine": machine,
        "packed": packed,
        "rows": rows,
        "ratios": ratios({row["name"]: row["figures"] for row in rows if row["status"] == "passed"}),
    }


def ratios(figures):
    """Returns this program's figures beside the original's, each with their ratio (this program / the original)."""
    original, found = figures.get("original"), []
    if not original:
        return found

    def add(what, unit, ours, theirs):
        if ours and theirs:
            found.append({"what": what, "unit": unit, "repro": ours, "original": theirs, "ratio": round(ours / theirs, 3)})

    train, predict, theirs = figures.get("train", {}), figures.get("predict", {}), original
    add("training step, median", "ms", at(train, "ms_per_step", "median"), at(theirs, "train", "ms_per_step", "median"))
    add("training, median", "examples/s", at(train, "examples_per_s", "median"), at(theirs, "train", "examples_per_s", "median"))
    add("answering, median", "examples/s", at(predict, "examples_per_s", "median"), at(theirs, "predict", "examples_per_s", "median"))
    for name, ours in (("training", train), ("answering", predict)):
        part = "train" if name == "training" else "predict"
        add(f"memory of {name}", "bytes", ours.get("peak_memory_bytes"), at(theirs, part, "peak_memory_bytes"))
    # Both are what the driver saw, caches of libtorch's allocator included.
    add("GPU memory, training and answering", "bytes", most(train.get("gpu_bytes"), predict.get("gpu_bytes")), theirs.get("gpu_bytes"))
    return found


def at(value, *path):
    """Returns what is at a path of keys; None if a part of it is absent."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def most(*values):
    """Returns the largest of the numbers that are known."""
    return max((value for value in values if value), default=None)


def figure(row):
    """Returns the figures of a row that matter most, in words."""
    figures, status = row["figures"], row["status"]
    if status != "passed":
        return row["why"] or ""
    return {
        "worker": lambda: "; ".join(f"{one['name']}: {one.get('described')}" for one in figures["devices"]),
        "parity": lambda: f"{figures['passed']} tests equal the original",
        "demo": lambda: figures.get("verdict") or "",
        "resume": lambda: f"stopped after step {figures['stopped_after_step']}, weights bit-identical",
        "train": lambda: f"{at(figures, 'ms_per_step', 'median')} ms a step, {at(figures, 'examples_per_s', 'median')} examples/s",
        "predict": lambda: f"{at(figures, 'examples_per_s', 'median')} answers/s, plain {at(figures, 'plain', 'examples_per_s', 'median')}",
        "load": lambda: f"{at(figures, 'examples_per_s', 'median')} examples/s, {at(figures, 'gb_per_s', 'median')} GB/s, "
        f"memcpy {at(figures, 'memcpy_one_thread', 'gb_per_s', 'median')} GB/s",
        "original": lambda: f"{at(figures, 'train', 'ms_per_step', 'median')} ms a step, "
        f"{at(figures, 'predict', 'examples_per_s', 'median')} answers/s",
    }[row["name"]]()


def line(row):
    """Returns one line about a row."""
    return f"{row['name']:<9} {row['status']:<14} {row['seconds']:>7.1f} s  {figure(row)}"


def table(report):
    """Returns the report as people read it."""
    machine = report["machine"]
    gpus = ", ".join(f"{gpu['name']} (driver {gpu['driver']})" for gpu in machine["gpus"]) or "no GPU"
    text = [
        f"gpu-check on {report['device']}, {report['started']}, {report['seconds']} s",
        f"{machine['cpu']}, {machine['cpus']} CPUs, load {machine['load_at_start']} at the start; {gpus}; torch {machine['torch']}",
        "",
        *(line(row) for row in report["rows"]),
    ]
    if report["ratios"]:
        text += ["", f"{'':<36} {'repro':>16} {'original':>16} {'ratio':>7}"]
        text += [
            f"{one['what'] + ', ' + one['unit']:<36} {one['repro']:>16,} {one['original']:>16,} {one['ratio']:>7}" for one in report["ratios"]
        ]
    return "\n".join(text)


def write(folder, report):
    """Writes both forms under temporary names, then renames them."""
    for name, text in ((JSON, json.dumps(report, indent=1)), (TEXT, table(report))):
        fresh = pathlib.Path(folder, f".{name}-{os.getpid()}")
        fresh.write_text(text + "\n")
        fresh.replace(folder / name)
