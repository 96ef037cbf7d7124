"""Runs the packed programs with the torch of the machine, under a time limit, and watches the memory of the GPU."""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

from .failure import INFRA, Failure


@dataclass
class Ended:
    """How a program ended: its exit code (None if its time was up), its output, and the most memory of the GPU in use."""

    code: object
    stdout: str
    stderr: str
    seconds: float
    gpu_bytes: object = field(default=None)

    def reason(self, limit):
        """Returns why it did not succeed, with the last lines of its output."""
        last = " / ".join((self.stderr.strip() or self.stdout.strip()).splitlines()[-3:])
        if self.code is None:
            return f"took longer than its limit of {limit:.0f} s: {last}"
        return f"exit code {self.code}: {last}"


class Programs:
    """The packed programs, and where their output goes."""

    def __init__(self, folder, torch, device, logs, work):
        self.folder, self.torch, self.device, self.logs, self.work = folder, torch, device, logs, work
        logs.mkdir(exist_ok=True)
        # The programs look for libtorch in ../lib/lxmert-repro from their own place. The kernel follows this link before it goes
        # up from there, so libtorch finds NVIDIA's libraries in the folders beside torch.
        link = folder / "lib" / "lxmert-repro"
        try:
            link.parent.mkdir(exist_ok=True)
            fresh = link.with_name(f".{link.name}-{os.getpid()}")
            fresh.symlink_to(torch.libraries)
            os.replace(fresh, link)
        except OSError as error:
            raise Failure(INFRA, f"{link} cannot be made: {error.strerror}", "copy the packed folder to a place of your own") from error

    def path(self, program):
        """Returns the path of a packed program."""
        return str(self.folder / "bin" / program)

    def environment(self, more):
        """Returns the environment of a program."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("REPRO_", "TORCH_ALLOW_TF32"))}
        mine["REPRO_PROGRESS_SECONDS"] = "5"
        # The f32 of the paper: NVIDIA's libraries keep all bits of each factor.
        mine["NVIDIA_TF32_OVERRIDE"] = "0"
        # The checkout of the original stays as it is.
        mine["PYTHONDONTWRITEBYTECODE"] = "1"
        return {**mine, **more}

    def start(self, command, more=None, **streams):
        """Starts a program in a process group of its own, in the folder for temporary files."""
        return subprocess.Popen(
            command, cwd=self.work, env=self.environment(more or {}), stdin=subprocess.DEVNULL, start_new_session=True, **streams
        )

    def run(self, name, command, limit, more=None):
        """Runs a program for at most `limit` seconds and keeps its output in the folder of logs."""
        files = [self.logs / f"{name}.{kind}.txt" for kind in ("stdout", "stderr")]
        started = time.monotonic()
        with open(files[0], "wb") as stdout, open(files[1], "wb") as stderr:
            child = self.start(command, more, stdout=stdout, stderr=stderr)
            with GpuMemory(self.device) as memory:
                code = finish(child, limit)
        seconds = time.monotonic() - started
        texts = [file.read_text(errors="replace") for file in files]
        return Ended(code, *texts, seconds, memory.most)

    def repro(self, name, arguments, limit):
        """Runs `repro` with these arguments."""
        return self.run(name, [self.path("repro"), *arguments], limit)


def finish(child, limit):
    """Waits for a program and returns its exit code; ends it and returns None if its time is up."""
    try:
        return child.wait(timeout=max(limit, 0.1))
    except subprocess.TimeoutExpired:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, number)
                child.wait(timeout=10)
                break
            except ProcessLookupError:
                child.wait()
                break
            except subprocess.TimeoutExpired:
                continue
        return None
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise


class GpuMemory:
    """Asks the driver twice a second how much memory is in use, by all programs; `most` is None without a GPU."""

    def __init__(self, device):
        self.most, self._end = None, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True) if device == "cuda" else None

    def __enter__(self):
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        if self._thread:
            self._thread.join()

    def _watch(self):
        ask = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
        while not self._end.wait(0.5):
            told = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
            if told.isdigit():
                self.most = max(self.most or 0, int(told) << 20)
