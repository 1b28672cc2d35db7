"""Every crash point, one by one: the daemon dies at its k-th sync, rename, unlink, truncation,
creation or write, the power goes, and it must come back with everything acknowledged.

The work is always the same, so that k = 1, 2, 3, … walks through start, append, roll, snapshot,
checkpoint, metadata writes and retention; recovery is walked through by dying again at its calls."""

import os
import shutil
import subprocess
import tempfile
import threading

from harness import checker, load
from harness.broker import Broker, StartFailed
from harness.disk import Disk
from harness.history import History
from scenarios.power import SETTINGS

# call -> (crash points in CI's share, in the full run), and the step between them in CI's share
CALLS = {
    "fdatasync": (8, 60, 5),
    "fsync": (6, 30, 1),
    "rename,renameat,renameat2": (4, 20, 1),
    "unlink,unlinkat": (2, 12, 2),
    "ftruncate": (3, 12, 1),
    "pwritev,pwritev2,pwrite64": (6, 60, 13),
}
TOPIC_CONFIG = {"segment.bytes": "65536", "retention.bytes": "200000",
                "file.delete.delay.ms": "0"}
MORE = ["checkpoint.interval.ms=20", "log.retention.check.interval.ms=100"]


def _die_at(calls, k):
    # Without --seccomp-bpf: strace 6.1 does not send signals with it.
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}",
            "-e", f"inject={calls}:signal=KILL:when={k}"]


def _work(broker, history):
    """Topic creation and records until the broker dies or 2 s are over."""
    producers = load.Load(broker.bootstrap, history, producers=2, pause=0.0005)
    try:
        load.create_topic(broker.bootstrap, TOPIC_CONFIG, seconds=2)
    except Exception:  # it died in there
        pass
    producers.start()
    return producers


def _one_point(options, calls, k, home):
    """Dies at the k-th call of the work, and again at the k-th of the recovery.

    Returns (reached, problem)."""
    history = History()
    with Disk(mebibytes=64) as disk:
        broker = Broker(options.broker, disk.data, SETTINGS + MORE, work=home)
        producers = None
        try:
            broker.start(prefix=_die_at(calls, k), wait=False)
            for _ in range(400):
                if broker.answers() or not broker.alive():
                    break
                threading.Event().wait(0.005)
            producers = _work(broker, history)
            reached = broker.wait_end(1.0) is not None
            broker.kill()
            disk.power_off(keep_journal=k % 2 == 0)
            disk.power_on()
            broker.start(prefix=_die_at(calls, k), wait=False)  # dies in recovery, if k is reached
            broker.wait_end(0.3)
            broker.kill()
            disk.power_off(keep_journal=k % 2 == 1)
            disk.power_on()
            broker.start()
            if history.acked:
                producers.finish(30)
                load.read_everything(broker.bootstrap, history)
            else:
                producers.finish(0)
            found = checker.check(history)
            return reached, "\n".join(f"{name} {what}" for name, what in found)
        except (StartFailed, RuntimeError) as error:
            return True, f"{error}"
        finally:
            broker.kill()
            if producers is not None:
                producers.finish(0)


def run(tally, options):
    home = tempfile.mkdtemp(prefix="crash-points-")
    try:
        for calls, (some, many, step) in CALLS.items():
            points = range(1, many + 1) if options.long else range(1, 1 + some * step, step)
            problems, reached_points = [], 0
            for k in points:
                reached, problem = _one_point(options, calls, k, home)
                reached_points += reached
                if problem:
                    problems.append(f"k = {k}: {problem}")
            name = calls.split(",")[0]
            tally.check(f"crash points: dying at any {name} loses nothing", not problems,
                        "\n".join(problems))
            print(f"# crash points: {name}: {reached_points} of {len(points)} reached", flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
