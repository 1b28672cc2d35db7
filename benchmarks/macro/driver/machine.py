"""Where and of what a result is: machine, commit, and the state of the page cache before a run."""

import os
import platform
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def describe(data_dir):
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory_kb = int(file.readline().split()[1])
    return {
        "cpu": models[0],
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kb / 2**20, 1),
        "kernel": platform.release(),
        "file_system": _file_system(data_dir),
    }


def _file_system(path):
    out = subprocess.run(
        ["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=True
    )
    return out.stdout.strip()


def commit():
    out = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=9"],
        capture_output=True,
        text=True,
    )
    return out.stdout.strip() or "unknown"


def recycle_pages(folder, size):
    """Writes and deletes `size` bytes: the first touch of memory is dear on a virtual machine, and
    whoever ran first would pay it."""
    block = b"\0" * (1 << 20)
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(size >> 20):
            file.write(block)


def rate_of_disk(folder, size=1 << 30):
    """MB/s that the disk sustains: a file written once, then synced."""
    import time

    block = os.urandom(1 << 20)
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.monotonic()
        for _ in range(size >> 20):
            file.write(block)
        file.flush()
        os.fdatasync(file.fileno())
        return size / 1e6 / (time.monotonic() - began)
