"""Power losses under load on an ext4 image: the unsynced page cache is gone, tails are torn, and
sometimes the power goes while the broker still runs and sees its disk fail."""

import os
import random
import shutil
import tempfile
import time

from harness import checker, load, reader
from harness.history import History
from rig.broker import Broker
from rig.disk import Disk, files_below

ACKS_BETWEEN = 150
TOPIC_CONFIG = {"segment.bytes": "524288", "retention.ms": "-1"}
SETTINGS = ["checkpoint.interval.ms=100", "disk.ballast.bytes=0", "disk.watermark.refuse.bytes=0",
            "disk.watermark.stop.bytes=0"]


def _newest_log(disk):
    logs = files_below(disk.data, ".log")
    return max(logs, key=os.path.getmtime) if logs else None


def lose_power(disk, broker, prng):
    """One loss of a random kind; its name."""
    kind = prng.choice(["cache", "names", "torn", "running"])
    if kind == "running":
        # The broker sees its disk fail: that must never turn into an acknowledgement. No sync may be
        # under way at that moment: ext4 reports success to one that its shutdown call overtakes,
        # which no disk without power does.
        broker.freeze()
        disk.power_off(keep_journal=prng.random() < 0.5)
        broker.thaw()
        time.sleep(prng.random() * 0.1)
        broker.kill()
    else:
        broker.kill()
        if kind == "torn":
            newest = _newest_log(disk)
            if newest is not None:
                disk.write_some_pages(newest, prng.random())
        disk.power_off(keep_journal=kind != "cache")
    disk.power_on()
    return kind


def _rounds(disk, broker, producers, prng, losses):
    kinds = {}
    for _ in range(losses):
        if not producers.wait_for_acks(ACKS_BETWEEN, 60):
            return kinds, "no acknowledgements in 60 s\n" + "\n".join(producers.fatal()) + (
                broker.log_tail())
        time.sleep(prng.random() * 0.05)
        kind = lose_power(disk, broker, prng)
        kinds[kind] = kinds.get(kind, 0) + 1
        if producers.fatal():
            return kinds, "\n".join(producers.fatal())
        broker.start()
    return kinds, ""


def run(tally, options):
    losses = 100 if options.long else 14
    home = tempfile.mkdtemp(prefix="crash-power-")
    prng = random.Random(options.seed + 1)
    # The fourth does not wait for the disk, so that there is always something unsynced to lose.
    history = History(weak=[load.WEAK])
    with Disk() as disk:
        broker = Broker(options.broker, disk.data, SETTINGS, work=home)
        try:
            broker.start()
            load.create_topic(broker.bootstrap, TOPIC_CONFIG)
            producers = load.Load(broker.bootstrap, history)
            follower = reader.Follower(broker.bootstrap, history)
            producers.start()
            follower.start()
            problem = "the rounds broke off"
            try:
                kinds, problem = _rounds(disk, broker, producers, prng, losses)
            finally:
                unanswered = producers.finish(2 if problem else 60)
                follower.stop()
            tally.check(f"power: {losses} power losses under load, the broker is back after each",
                        not problem, problem)
            reader.read_everything(broker.bootstrap, history)
            found = checker.check(history)
            tally.check("power: nothing acknowledged is missing, doubled, reordered or changed",
                        not found, "\n".join(f"{name} {what}" for name, what in found))
            tally.check("power: every record got an answer in the end", unanswered == 0,
                        f"{unanswered} without one\n" + "\n".join(producers.errors()))
            cuts = len([path for path in files_below(disk.data, "") if ".cut-" in path])
            print(f"# power: {kinds}, {history.ack_count()} acknowledged, {cuts} tails kept aside")
        finally:
            broker.kill()
            if options.keep:
                shutil.copytree(disk.data, f"{home}/data", dirs_exist_ok=True)
                print(f"# kept: {home}")
    if not options.keep:
        shutil.rmtree(home, ignore_errors=True)
