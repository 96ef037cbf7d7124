"""Facts about the machine."""

import os
import platform
import subprocess


def gpus():
    """Returns name, driver and memory of each GPU; an empty list without a driver."""
    ask = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = [[part.strip() for part in line.split(",")] for line in told.splitlines() if line.count(",") == 2]
    return [{"name": name, "driver": driver, "memory_mib": int(memory)} for name, driver, memory in found if memory.isdigit()]


def facts(found_gpus, torch):
    """Returns what the report says about the machine."""
    return {
        "cpu": _value("/proc/cpuinfo", "model name") or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": int((_value("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) * 1024,
        "os": platform.platform(),
        # More than the number of CPUs that wait means that figures are too low.
        "load_at_start": round(os.getloadavg()[0], 2),
        "gpus": found_gpus,
        "torch": torch.version,
        "torch_folder": str(torch.folder),
        "python": torch.python_version,
    }


def _value(file, name):
    try:
        with open(file, encoding="utf-8") as lines:
            return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)
    except OSError:
        return None
