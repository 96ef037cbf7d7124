"""Builds the programs and the parity tests, and collects what is carried to the machine with the GPU."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from .failure import DATA, INFRA, Failure
from .torch_folder import VERSION

NAME = "gpu-check"
LIST = "pack.json"
SCHEMA = 1
MOST_BYTES = 60 << 20
# The fixtures that the parity tests read; the demo draws its own data.
FIXTURES = (
    "lxrt/tiny/*.safetensors",
    "lxrt/tiny/*_meta.json",
    "lxrt/tiny/model_cases.json",
    "lxrt/tiny/pretrain_losses.json",
    "lxrt/optim/*_batches.safetensors",
    "lxrt/optim/*_final_weights.safetensors",
    "lxrt/optim/*_trajectory.json",
    "lxrt/full/*",
    # Of the detector what fits: its own steps, and the tiny network at both scales.
    "butd/unit/*.safetensors",
    "butd/tiny/tiny.caffemodel",
    "butd/tiny/s160_real-b.safetensors",
    "butd/tiny/s600_alpha-f.safetensors",
    "butd/tiny/*_obj36.tsv",
    "butd/images/dev/*",
    "butd/full/images/train2014/*.jpg",
    "real/golden/train2014_obj36.tsv",
    "tables/vqa_trainval_ans2label.json",
)


def target(root):
    """Returns cargo's target folder of a checkout."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).resolve()


def pack(root):
    """Builds and collects everything, prints how large each part is, and returns the exit code."""
    if not (root / "Cargo.toml").is_file():
        raise Failure(DATA, f"{root} is no checkout", "run --pack from a checkout of the source")
    fixtures = pathlib.Path(os.environ.get("REPRO_FIXTURES", root / "../shared/fixtures")).resolve()
    files = {}
    for pattern in FIXTURES:
        found = sorted(fixtures.glob(pattern))
        if not found:
            raise Failure(DATA, f"{fixtures} holds no {pattern}", "name the folder of the fixtures with REPRO_FIXTURES")
        files |= {f"fixtures/{file.relative_to(fixtures)}": file for file in found}
    built = build(root)
    files |= {f"bin/{name}": path for name, path in built.items()}
    files["ci/gpu-check"] = root / "ci/gpu-check"
    files |= {f"ci/gpu_check/{file.name}": file for file in sorted((root / "ci/gpu_check").glob("*.py"))}
    sizes = {name: file.stat().st_size for name, file in files.items()}
    parts = {"ci": 0, "fixtures": 0}
    for name, size in sizes.items():
        part = name if name.startswith("bin/") else name.split("/")[0]
        parts[part] = parts.get(part, 0) + size
    total = sum(parts.values())
    for part, size in sorted(parts.items()):
        print(f"{size:>12,}  {part}")
    print(f"{total:>12,}  bytes in all, of {MOST_BYTES:,}")
    if total > MOST_BYTES:
        raise Failure(DATA, f"{total:,} bytes are more than {MOST_BYTES:,}", "choose fewer fixtures in ci/gpu_check/pack.py")
    listed = {"schema": SCHEMA, "commit": commit(root), "libtorch": VERSION, "bytes": total, "parts": parts, "files": sizes}
    place = target(root) / NAME
    fresh = pathlib.Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=target(root)))
    old = fresh.with_name(f"{fresh.name}-old")
    try:
        for name, file in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, fresh / name)
            (fresh / name).chmod(0o755 if name.startswith("bin/") or name == "ci/gpu-check" else 0o644)
        (fresh / LIST).write_text(json.dumps(listed, indent=1) + "\n")
        fresh.chmod(0o755)
        if place.exists():
            place.rename(old)
        fresh.rename(place)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    print(f"packed into {os.path.relpath(place)}")
    return 0


def build(root):
    """Builds both programs and the parity tests in the release profile, which strips them; returns their paths by name."""
    setup = run(root, [root / "ci/setup", "--last"], "libtorch could not be found (ci/setup said why above)")
    environment = {"LIBTORCH": setup.strip(), "CARGO_TARGET_DIR": str(target(root))}
    cargo = shutil.which("cargo") or str(pathlib.Path.home() / ".cargo/bin/cargo")
    wrong = "the programs could not be built (cargo said why above)"
    run(root, [cargo, "build", "--quiet", "--release", "--locked", "--workspace"], wrong, environment)
    # The whole workspace, so that its dependencies keep the features that they were built with.
    tests = [cargo, "test", "--quiet", "--release", "--locked", "--workspace", "--test", "parity", "--no-run", "--message-format=json"]
    told = [json.loads(line) for line in run(root, tests, wrong, environment).splitlines() if line.startswith("{")]
    parity = [one["executable"] for one in told if one.get("executable") and one["target"]["name"] == "parity"]
    if len(parity) != 1:
        raise Failure(INFRA, f"cargo named {len(parity)} programs of the parity tests", "run cargo test -p lxmert --test parity --no-run")
    release = target(root) / "release"
    return {"repro": release / "repro", "repro-worker": release / "repro-worker", "parity": pathlib.Path(parity[0])}


def run(root, command, wrong, more=None):
    """Runs a command and returns its stdout; its stderr is shown."""
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=root, env={**os.environ, **(more or {})}, stdout=subprocess.PIPE, text=True, check=False
        )
    except OSError as error:
        raise Failure(INFRA, f"{command[0]} does not run: {error.strerror}", "install Rust (rustup.rs), then run this again") from error
    if done.returncode:
        raise Failure(INFRA, wrong, "fix that, then run ci/gpu-check --pack again")
    return done.stdout


def commit(root):
    """Returns the commit of a checkout, with a mark if files differ from it; None without git."""
    try:
        told = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=40"], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def check(folder):
    """Returns the list of what was packed, after comparing the sizes of all files with it."""
    again = "carry the folder again, or run ci/gpu-check --pack again where it was built"
    try:
        listed = json.loads((folder / LIST).read_text())
        files = listed["files"]
    except (OSError, ValueError, KeyError) as error:
        raise Failure(DATA, f"{folder / LIST} cannot be read: {error}", again) from error
    if listed.get("schema") != SCHEMA:
        raise Failure(DATA, f"{folder / LIST} has schema {listed.get('schema')}, not {SCHEMA}", again)
    for name, size in files.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            # Without its fixtures, a row says so itself.
            if name.startswith("bin/"):
                raise Failure(DATA, f"{file} is missing or has another size than when it was packed", again)
        elif name.startswith("bin/") and not os.access(file, os.X_OK):
            file.chmod(0o755)
    return {key: listed[key] for key in ("commit", "libtorch", "bytes", "parts")}
