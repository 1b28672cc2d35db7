"""Disks that are full, slow, hung, failing, old, new, cut or rotten."""

import contextlib
import os
import signal
import subprocess

from harness.clients import TOPIC
from rig.disk import Filler, files_below
from rig.wire import until

DISK_FAILED = 74  # the exit status of a broker whose disk refused a sync
HANG_SECONDS_MAX = 6  # of two busy cores
MEND_SECONDS_MAX = 30
SEAL_SECONDS_MAX = 20


def disk_full(world):
    node = world.prng.choice((world.leader(), world.follower()))
    left = world.prng.choice((0, 8 << 20))
    filler = Filler(world.disks[node])
    world.note(f"the disk of broker {node} is full, {left} bytes are free")
    try:
        filler.fill_to(left)
        world.hold(2, 5)
    finally:
        filler.remove()


def all_disks_full(world):
    fillers = [Filler(disk) for disk in world.disks.values()]
    world.note("the disks of all brokers are full")
    try:
        for filler in fillers:
            filler.fill_to(0)
        world.hold(2, 4)
    finally:
        for filler in fillers:
            filler.remove()


def _trace(world, node, injection):
    """Interferes with the syncs of a running broker until the tracer ends."""
    return subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
         "-e", f"inject=fdatasync,fsync:{injection}", "-p", str(world.cluster[node].process.pid)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _ends_by_itself(world, node):
    """As a broker must when its disk fails; then what was not synced is lost, and it starts again."""
    status = world.cluster[node].wait_end(20)
    if status != DISK_FAILED:
        world.history.finding("I22", f"the disk of broker {node} fails, its exit status is {status}")
    world.kill(node)
    world.disks[node].power_off()
    world.disks[node].power_on()
    world.hold(0, 2)
    world.start(node)


def failing_sync(world):
    node = world.prng.choice((world.leader(), world.follower()))
    when = world.prng.choice(("1", "1+"))
    world.note(f"broker {node}: " + ("one sync fails" if when == "1" else "every sync fails"))
    tracer = _trace(world, node, f"error=EIO:when={when}")
    _ends_by_itself(world, node)
    tracer.wait()


def read_only(world):
    node = world.prng.choice((world.leader(), world.follower()))
    world.note(f"the file system of broker {node} turns read-only")
    world.disks[node].make_read_only()
    _ends_by_itself(world, node)


def slow_disk(world):
    node = world.prng.choice((world.leader(), world.follower()))
    delay = world.prng.choice((20, 100, 400))
    world.note(f"every sync of broker {node} takes {delay} ms more")
    tracer = _trace(world, node, f"delay_enter={delay}ms")
    try:
        world.hold(3, 5)
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()


def _gives_leadership_up(world, node):
    """What a broker whose disk hangs leads, others lead soon: it takes disk.stall.ms, and a decision."""
    began = world.now()

    def gone():
        return all(led.leader != node for led in world.leadership().values())

    if until(gone, HANG_SECONDS_MAX, 0.1):
        world.note(f"broker {node} leads nothing any more after {world.now() - began:.1f} s")
    else:
        world.history.finding("I22", f"the disk of broker {node} hangs, and it still leads after "
                              f"{HANG_SECONDS_MAX} s")


def hung_disk(world):
    node = world.prng.choice((world.leader(), world.follower()))
    world.note(f"the disk of broker {node} hangs")
    is_long = world.prng.random() < 0.5
    world.disks[node].freeze()
    try:
        if is_long:
            _gives_leadership_up(world, node)
            world.hold(1, 4)
        else:
            world.hold(0.5, 2)
    finally:
        world.disks[node].thaw()


def hung_and_killed(world):
    """What waits for a disk cannot die before the disk answers."""
    node = world.leader()
    world.note(f"the disk of broker {node} hangs, the broker is killed, the disk answers")
    world.disks[node].freeze()
    try:
        world.hold(0.5, 2)
        os.kill(world.cluster[node].process.pid, signal.SIGKILL)
        world.hold(0.5, 2)
    finally:
        world.disks[node].thaw()
    world.kill(node)
    world.start(node)


def _take_down(world, node):
    """Killed or stopped; sometimes back before anybody has noticed."""
    if world.prng.random() < 0.5:
        world.cluster[node].stop(30)
    world.kill(node)
    if world.prng.random() < 0.5:
        world.await_gone(node)


def lost_disk(world):
    node = world.prng.choice((world.leader(), world.follower(), world.controller()))
    world.note(f"broker {node} comes back with an empty disk")
    _take_down(world, node)
    world.disks[node].lose()
    world.start(node)


def stale_disk(world):
    """A backup is put back, or a snapshot: all that was written since is missing."""
    node = world.prng.choice((world.leader(), world.follower(), world.controller()))
    world.note(f"broker {node} comes back with the disk it had some seconds ago")
    world.cluster[node].stop(30)
    world.disks[node].save()
    world.start(node)
    world.settle()
    world.hold(1, 3)
    _take_down(world, node)
    world.disks[node].bring_back()
    world.start(node)


def _logs(world, node):
    return [path for path in files_below(world.disks[node].data, ".log")
            if f"/{TOPIC}-" in path and os.path.getsize(path) > 0]


def truncated_log(world):
    node = world.prng.choice((world.leader(), world.follower()))
    _take_down(world, node)
    path = world.prng.choice(_logs(world, node))
    size = os.path.getsize(path)
    left = world.prng.choice((0, size - 1, world.prng.randrange(size)))
    world.note(f"broker {node}: {path.removeprefix(world.disks[node].data)} is cut from {size} to "
               f"{left} bytes")
    os.truncate(path, left)
    world.start(node)


def missing_log(world):
    node = world.prng.choice((world.leader(), world.follower()))
    _take_down(world, node)
    path = world.prng.choice(_logs(world, node))
    world.note(f"broker {node}: {path.removeprefix(world.disks[node].data)} is gone")
    os.unlink(path)
    world.start(node)


def _some_bit(world, node, path):
    position, bit = world.prng.randrange(os.path.getsize(path)), world.prng.randrange(8)
    world.note(f"broker {node}: bit {bit} of byte {position} of "
               f"{path.removeprefix(world.disks[node].data)} is flipped")
    return position, bit


def flipped_bit(world):
    node = world.prng.choice((world.leader(), world.follower()))
    _take_down(world, node)
    path = world.prng.choice(_logs(world, node))
    position, bit = _some_bit(world, node, path)
    with open(path, "r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ (1 << bit)]))
    world.start(node)


def _put_aside(world, node):
    return [name for name in os.listdir(world.disks[node].data) if "-damaged-" in name]


def silent_flip(world):
    """Under a running broker, in what all readers have read: nobody but the scrubber looks there."""
    node = world.prng.choice((world.leader(), world.follower()))

    def sealed():
        logs = sorted(_logs(world, node))
        return [path for path, next_path in zip(logs, logs[1:])
                if os.path.dirname(path) == os.path.dirname(next_path)]

    if not until(sealed, SEAL_SECONDS_MAX, 0.1):
        world.note("no segment is sealed yet")
        return
    path = world.prng.choice(sealed())
    with open(path, "rb") as file:
        whole = file.read()
    put_aside = len(_put_aside(world, node))
    began = world.now()
    world.disks[node].flip_a_bit(path, *_some_bit(world, node, path))

    def is_mended():
        try:
            with open(path, "rb") as file:
                return file.read() == whole and len(_put_aside(world, node)) > put_aside
        except FileNotFoundError:  # not fetched again yet
            return False

    if until(is_mended, MEND_SECONDS_MAX, 0.1):
        world.note(f"it is mended after {world.now() - began:.1f} s")
    else:
        world.history.finding("I22", f"a flipped bit of broker {node} is not mended after "
                              f"{MEND_SECONDS_MAX} s")


def cut_power(world, nodes, how):
    """`how`: "cache" (what was not synced is gone), "names" (files stay, empty), "torn" (some of it is
    there), "running" (the broker sees its disk fail before it dies)."""
    prng = world.prng
    brokers = [world.cluster[node] for node in nodes if world.cluster[node].alive()]
    # At one instant; and no sync may be under way: ext4 reports success to one that its shutdown call
    # overtakes, which no disk without power does.
    for broker in brokers:
        broker.process.send_signal(signal.SIGSTOP)
    for broker in brokers:
        with contextlib.suppress(OSError):  # it has ended
            broker.freeze()
    if how != "running":
        world.kill(*nodes)
    for node in nodes:
        if how == "torn":
            for path in _logs(world, node)[-3:]:
                world.disks[node].write_some_pages(path, prng.random())
        world.disks[node].power_off(keep_journal=how in ("names", "torn"))
    if how == "running":
        for broker in brokers:
            with contextlib.suppress(ProcessLookupError):
                broker.thaw()
        world.hold(0, 0.1)
        world.kill(*nodes)
    for node in nodes:
        world.disks[node].power_on()


_HOW = ("cache", "names", "torn", "running")


def power_one(world):
    node = world.prng.choice((world.leader(), world.follower(), world.controller()))
    how = world.prng.choice(_HOW)
    world.note(f"power loss of broker {node} ({how})")
    cut_power(world, [node], how)
    world.hold(0, 3)
    world.start(node)


def power_all(world):
    how = world.prng.choice(_HOW)
    nodes = world.alive()
    world.note(f"power loss of all brokers at one instant ({how})")
    cut_power(world, nodes, how)
    world.prng.shuffle(nodes)
    for node in nodes:
        world.start(node)
        world.hold(*world.prng.choice(((0, 0), (0, 0.6))))


def power_all_again(world):
    """The power goes once more while the cluster is coming back."""
    nodes = world.alive()
    world.note("power loss of all brokers, and again as they come back")
    for _ in range(3):
        cut_power(world, nodes, world.prng.choice(_HOW))
        for node in nodes:
            world.start(node)
        world.hold(0, 0.8)


KINDS = {
    "disk-full": disk_full,
    "all-disks-full": all_disks_full,
    "failing-sync": failing_sync,
    "read-only": read_only,
    "slow-disk": slow_disk,
    "hung-disk": hung_disk,
    "hung-and-killed": hung_and_killed,
    "lost-disk": lost_disk,
    "stale-disk": stale_disk,
    "truncated-log": truncated_log,
    "missing-log": missing_log,
    "flipped-bit": flipped_bit,
    "silent-flip": silent_flip,
    "power-one": power_one,
    "power-all": power_all,
    "power-all-again": power_all_again,
}
