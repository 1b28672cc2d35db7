"""A sync fails: from that moment nothing may be acknowledged, the broker leaves with its own exit
status, and after a power loss everything acknowledged before is there. First under load, then at each
k-th sync of the same work and of the recovery after it, which reaches every kind of file."""

import os
import random
import shutil
import subprocess
import tempfile
import time

from harness import checker, load, reader
from harness.history import History
from rig.broker import Broker
from rig.disk import Disk
from scenarios.crash_points import Point
from scenarios.power import SETTINGS, TOPIC_CONFIG

EXIT_DISK_FAILED = 74
EXIT_NOT_STARTED = 1
# call -> the k-th ones that fail in CI's share, and in the full run
POINTS = {
    # 12 and 14: among the syncs of logs that open in the recovery.
    "fdatasync": ([1, 3, 4, 5, 9, 12, 14, 21, 27], range(1, 61)),
    "fsync": ([1, 4, 8], range(1, 31)),
}
# Parts of the names that the full run must have met.
KINDS = ["meta", "checkpoint.", "__cluster_metadata-0/", ".log", ".index", ".timeindex", ".arrivals",
         ".digest"]


def _fail_syncs(broker, from_then_on):
    """Every fdatasync and fsync of the broker gives EIO without reaching the disk."""
    when = "1+" if from_then_on else "1"
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", os.path.join(broker.work, "strace.out"),
         "-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:error=EIO:when={when}",
         "-p", str(broker.process.pid)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    return tracer


def _one(tally, options, disk, broker, history, producers, prng, from_then_on):
    title = "every sync fails" if from_then_on else "one sync fails and the next would succeed"
    if not producers.wait_for_acks(200, 30):
        tally.check(f"failing sync: acknowledgements come before ({title})", False,
                    broker.log_tail())
        return False
    time.sleep(prng.random() * 0.05)
    tracer = _fail_syncs(broker, from_then_on)
    status = broker.wait_end(20)
    broker.kill()
    tracer.wait()
    good = tally.check(
        f"failing sync: the broker leaves with status {EXIT_DISK_FAILED} ({title})",
        status == EXIT_DISK_FAILED, f"status {status}\n{broker.log_tail()}")
    # What was never synced goes now: an acknowledgement that relied on it shows as a loss.
    disk.power_off()
    disk.power_on()
    broker.start()
    return good


def _under_load(tally, options, home):
    prng = random.Random(options.seed + 2)
    history = History()
    with Disk() as disk:
        broker = Broker(options.broker, disk.data, SETTINGS, work=home)
        try:
            broker.start()
            load.create_topic(broker.bootstrap, TOPIC_CONFIG)
            producers = load.Load(broker.bootstrap, history)
            follower = reader.Follower(broker.bootstrap, history)
            producers.start()
            follower.start()
            good = False
            try:
                for i in range(12 if options.long else 4):
                    good = _one(tally, options, disk, broker, history, producers, prng, i % 2 == 0)
                    if not good:
                        break
            finally:
                producers.finish(60 if good else 2)
                follower.stop()
            reader.read_everything(broker.bootstrap, history)
            found = checker.check(history)
            tally.check("failing sync: nothing acknowledged is missing, doubled or changed",
                        not found, "\n".join(f"{name} {what}" for name, what in found))
        finally:
            broker.kill()


def _verdict(point):
    """What is wrong with the exits of a point, or ""."""
    wrong = []
    for phase, status, met in zip(("work", "recovery"), point.ends, point.hits):
        if met and status not in (EXIT_DISK_FAILED, EXIT_NOT_STARTED):
            wrong.append(f"k = {point.k}: a sync of {met} failed in the {phase}, exit {status}")
    return "\n".join(wrong)


def _points(tally, options, home):
    met = set()
    for call, (some, many) in POINTS.items():
        problems, hits = [], 0
        for k in many if options.long else some:
            point = Point(options, call, k, home, "error=EIO")
            problem = point.run()
            problems += [f"k = {k}: {problem}"] if problem else []
            problems += filter(None, [_verdict(point)])
            hits += sum(map(bool, point.hits))
            met.update(name for names in point.hits for name in names)
        tally.check(f"failing sync: the k-th {call} fails, the broker leaves and nothing is lost",
                    not problems, "\n".join(problems))
        print(f"# failing sync: {hits} starts met a failing {call}", flush=True)
    absent = [kind for kind in KINDS if not any(kind in name for name in met)]
    if options.long:
        tally.check("failing sync: every kind of file was met", not absent, f"not met: {absent}")


def run(tally, options):
    home = tempfile.mkdtemp(prefix="crash-sync-")
    try:
        _under_load(tally, options, home)
        _points(tally, options, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
