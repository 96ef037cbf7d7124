"""Finds the torch of a Python without importing it, and checks its version."""

import os
import pathlib
import re
import subprocess
from dataclasses import dataclass

from .failure import INFRA, Failure

VERSION = "2.11.0"
# Prints the version of Python and the folder of torch; finding a package does not import it.
ASK = """
import importlib.util, platform
found = importlib.util.find_spec("torch")
print(platform.python_version())
print(next(iter(found.submodule_search_locations), "") if found else "")
"""


@dataclass(frozen=True)
class Torch:
    """A Python and its torch."""

    python: str
    python_version: str
    folder: pathlib.Path
    version: str

    @property
    def libraries(self):
        """The folder of libtorch."""
        return self.folder / "lib"


def find(python, device):
    """Returns the torch of `python`, else of the virtual environment, else of `python3`."""
    environment = os.environ.get("VIRTUAL_ENV")
    python = python or (str(pathlib.Path(environment, "bin/python")) if environment else "python3")
    install = f"name a Python with torch {VERSION} with --python, or: python3 -m pip install torch=={VERSION}"
    try:
        asked = subprocess.run([python, "-c", ASK], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(INFRA, f"the Python {python} does not run: {error}", install) from error
    python_version, folder = (asked.stdout.splitlines() + ["", ""])[:2]
    if not folder:
        raise Failure(INFRA, f"the Python {python} has no torch", install)
    folder = pathlib.Path(folder)
    try:
        text = (folder / "version.py").read_text()
    except OSError:
        text = ""
    stated = re.search(r"^__version__ = '([^']*)'", text, re.MULTILINE)
    version = stated.group(1) if stated else "unknown"
    if version.partition("+")[0] != VERSION:
        raise Failure(INFRA, f"{folder} is torch {version}; the programs are built for {VERSION}", install)
    library = folder / "lib" / ("libtorch_cuda.so" if device == "cuda" else "libtorch_cpu.so")
    if not library.is_file():
        raise Failure(INFRA, f"there is no {library}: this torch is built for CPUs only", install)
    return Torch(python, python_version, folder, version)
