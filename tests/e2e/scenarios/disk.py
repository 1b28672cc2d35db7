"""A small disk that fills up: at the first water mark produce is refused and everything that makes room
goes on, at the second the ballast is given up, and a broker starts on a disk without a free byte."""

import os
import shutil
import tempfile

from harness.world import MIB, get, metric
from rig import api
from rig.batch import batch
from rig.broker import Broker, StartFailed
from rig.disk import Disk, Filler
from rig.wire import Wire, until

DISK_MIB, REFUSE_MIB, STOP_MIB, BALLAST_MIB = 192, 48, 24, 16
SETTINGS = [f"disk.watermark.refuse.bytes={REFUSE_MIB}MiB", f"disk.watermark.stop.bytes={STOP_MIB}MiB",
            f"disk.ballast.bytes={BALLAST_MIB}MiB", "log.retention.check.interval.ms=300"]
LOOKS = 10  # the guard looks once a second
RECORD = batch([b"r" * (256 << 10)])


def _ballast(disk):
    path = os.path.join(disk.data, "ballast")
    return os.stat(path).st_blocks * 512 if os.path.exists(path) else 0


def _refused(broker):
    return until(lambda: metric(broker, "strandline_disk_full") == 1, LOOKS)


def _served(broker):
    return until(lambda: metric(broker, "strandline_disk_full") == 0, LOOKS)


def _first_mark(tally, disk, filler, broker, wire):
    for _ in range(40):
        produced = api.produce(wire, "kept", RECORD)
        if produced.error:
            break
    tally.check("disk: with room produce is served", produced.error == 0, produced)
    _, producer, _ = api.init_producer_id(wire)
    api.produce(wire, "kept", batch([b"i0"], producer, 0, 0))
    tally.check("disk: the ballast is there and takes up its room", _ballast(disk) >= BALLAST_MIB * MIB,
                _ballast(disk))
    filler.fill_to((REFUSE_MIB - 8) * MIB)
    tally.check("disk: below the first mark the broker says it is full", _refused(broker),
                broker.log_tail())
    end = api.list_offset(wire, "kept", -1)[1]
    got = [api.produce(wire, "kept", batch([b"x"]), acks=acks) for acks in (-1, 1)]
    tally.check("disk: produce is refused with KAFKA_STORAGE_ERROR, which says why",
                all(p.error == api.STORAGE_ERROR and "disk.watermark.refuse.bytes" in p.message
                    for p in got), got)
    idempotent = api.produce(wire, "kept", batch([b"i1"], producer, 0, 1))
    tally.check("disk: an idempotent producer as well", idempotent.error == api.STORAGE_ERROR, idempotent)
    tally.check("disk: nothing of it is appended", api.list_offset(wire, "kept", -1)[1] == end)
    told = "free space is below disk.watermark.refuse.bytes" in broker.log_since_start()
    tally.check("disk: the log says so once", told and broker.log_since_start().count(
        "free space is below disk.watermark.refuse.bytes") == 1, broker.log_tail())
    health = get(broker.http, "/health")
    tally.check("disk: /health is degraded and still 200", health[0] == 200 and "degraded" in health[2],
                health)
    tally.check("disk: the ballast is still there", _ballast(disk) >= BALLAST_MIB * MIB)
    return producer, end


def _what_goes_on(tally, broker, wire, end):
    fetched = api.fetch(wire, "kept", end - 1)
    tally.check("disk: fetch goes on", api.values(fetched) == [b"i0"], fetched.error)
    tally.check("disk: metadata goes on", api.metadata(wire, ["kept"])["kept"] == (0, 1))
    error, low = api.delete_records(wire, "kept", 5)
    tally.check("disk: DeleteRecords goes on", (error, low) == (0, 5), (error, low))
    error = api.delete_topic(wire, "doomed")
    tally.check("disk: DeleteTopics goes on", error == 0, error)
    gone = until(lambda: not [n for n in os.listdir(broker.data) if n.startswith("doomed")], 10)
    tally.check("disk: and the deleted topic's directory goes", gone, os.listdir(broker.data))
    error = api.alter_topic(wire, "old", "retention.ms", "1")
    tally.check("disk: a topic's retention can be lowered", error == 0, error)
    start = until(lambda: api.list_offset(wire, "old", -2)[1] > 0, 20)
    tally.check("disk: and retention takes its segments", start, broker.log_tail())
    error, identity, _ = api.init_producer_id(wire)
    tally.check("disk: producer ids are given out", error == 0 and identity >= 0, (error, identity))


def _room_again(tally, disk, filler, broker, wire, producer, end):
    filler.remove()
    tally.check("disk: writing resumes by itself once there is room", _served(broker), broker.log_tail())
    following = api.produce(wire, "kept", batch([b"i1"], producer, 0, 1))
    tally.check("disk: the idempotent producer goes on where it was",
                (following.error, following.offset) == (0, end), following)
    back = until(lambda: _ballast(disk) >= BALLAST_MIB * MIB, LOOKS)
    tally.check("disk: the ballast is there again", back, _ballast(disk))


def _second_mark(tally, disk, filler, broker, wire):
    filler.fill_to(4 * MIB)
    given = until(lambda: _ballast(disk) == 0, LOOKS)
    tally.check("disk: below the second mark the ballast is given up", given, broker.log_tail())
    tally.check("disk: which makes its room free", filler.available() > BALLAST_MIB * MIB,
                filler.available())
    told = "ballast file is given up" in broker.log_since_start()
    tally.check("disk: and the log says so", told, broker.log_tail())
    produced = api.produce(wire, "kept", batch([b"x"]))
    tally.check("disk: produce stays refused", produced.error == api.STORAGE_ERROR, produced)
    filler.fill_to(0)
    tally.check("disk: with no free byte fetch goes on", api.fetch(wire, "kept", 5).error == 0)
    # No second ballast: it must not take what the disk has not got.
    until(lambda: metric(broker, "strandline_disk_free_bytes") < MIB, LOOKS)
    tally.check("disk: a full disk gets no new ballast", _ballast(disk) == 0, _ballast(disk))
    error = api.delete_topic(wire, "second")
    tally.check("disk: with no free byte a topic is deleted", error == 0, error)
    tally.check("disk: the broker lives", broker.alive(), broker.log_tail())


def _start_with_ballast(tally, disk, filler, broker):
    """The disk filled up while the broker was down: the ballast is what it starts on."""
    tally.check("disk: a full broker closes cleanly", broker.stop() == 0, broker.log_tail())
    filler.remove()
    broker.start()
    until(lambda: _ballast(disk) > 0, LOOKS)
    with Wire(broker.port) as wire:
        for name in ("third", "fourth"):
            api.create_topic(wire, name)
            api.produce(wire, name, RECORD)
    broker.kill()
    filler.fill_to(0)
    tally.check("disk: the ballast is there before a start on a full disk", _ballast(disk) > 0)
    _starts_full(tally, filler, broker, "third", "with its ballast after a SIGKILL")
    given = _ballast(disk) == 0
    tally.check("disk: a broker that starts on a full disk gives up its ballast", given,
                broker.log_tail())


def _start_without_ballast(tally, disk, filler, broker):
    """The ballast given up and its room taken as well: starts go on as long as the ends of files have
    room left, and then say what is missing; a megabyte is enough to go on."""
    broker.kill()
    tally.check("disk: there is no ballast left", _ballast(disk) == 0, _ballast(disk))
    filler.fill_to(0)
    problem = ""
    for _ in range(60):
        try:
            broker.start()
            broker.kill()
        except StartFailed as failure:
            problem = str(failure)
            break
    tally.check("disk: without a ballast a start on a full disk says in the end what is missing",
                "exit status 1" in problem and "No space left on device; free a megabyte" in problem,
                problem)
    filler.remove()
    filler.fill_to(MIB)
    _starts_full(tally, filler, broker, "fourth", "without a ballast, with a megabyte free")


def _starts_again_and_again(tally, disk, filler, broker):
    """Each start writes a little: more in the end than the room that the ends of files have left."""
    broker.stop()
    filler.remove()
    broker.start()
    until(lambda: _ballast(disk) > 0, LOOKS)
    broker.stop()
    filler.fill_to(0)
    started = 0
    try:
        for started in range(60):
            broker.start()
            broker.kill()
        problem = ""
    except StartFailed as failure:
        problem = f"start {started}: {failure}"
    filler.remove()
    tally.check("disk: a broker on a full disk can be started 60 times on its ballast", not problem,
                problem)
    broker.start()


def _starts_full(tally, filler, broker, topic, title):
    free = filler.available()
    tally.check(f"disk: next to nothing is free ({title})", free <= MIB, free)
    try:
        broker.start()
    except StartFailed as failure:
        tally.check(f"disk: a broker starts on a full disk, {title}", False, failure)
        filler.remove()
        broker.start()
        return
    tally.check(f"disk: a broker starts on a full disk, {title}", True)
    with Wire(broker.port) as wire:
        produced = api.produce(wire, "kept", batch([b"x"]))
        tally.check(f"disk: it refuses produce from the first request on ({title})",
                    produced.error == api.STORAGE_ERROR, produced)
        tally.check(f"disk: it serves what is there ({title})", api.fetch(wire, "kept", 5).error == 0)
        before = filler.available()
        error = api.delete_topic(wire, topic)
        tally.check(f"disk: and deletes topics ({title})", error == 0, error)
        freed = until(lambda: filler.available() > before, 10)
        tally.check(f"disk: which makes room ({title})", freed, (before, filler.available()))


def _recovers(tally, filler, broker):
    filler.remove()
    tally.check("disk: after all that it serves again", _served(broker), broker.log_tail())
    with Wire(broker.port) as wire:
        end = api.list_offset(wire, "kept", -1)[1]
        produced = api.produce(wire, "kept", batch([b"again"]))
        got = api.values(api.fetch(wire, "kept", end))
        tally.check("disk: what is produced is read", (produced.error, got) == (0, [b"again"]),
                    (produced, got))
        topics = set(api.metadata(wire))
        tally.check("disk: deleted topics stay deleted, the others are there",
                    {"kept", "old"} <= topics and not {"doomed", "second", "third", "fourth"} & topics,
                    topics)
    damage = metric(broker, "strandline_damage_total", kind="records")
    tally.check("disk: nothing was damaged", damage == 0, damage)
    tally.check("disk: the broker closes cleanly afterwards", broker.stop() == 0, broker.log_tail())


def run(tally, options):
    home = tempfile.mkdtemp(prefix="e2e-disk-")
    with Disk(DISK_MIB) as disk:
        broker = Broker(options.broker, disk.data, SETTINGS, work=home)
        filler = Filler(disk)
        try:
            broker.start()
            with Wire(broker.port) as wire:
                for name in ("kept", "doomed", "second"):
                    api.create_topic(wire, name, retention_ms=-1)
                api.create_topic(wire, "old", segment_bytes=1 << 20, retention_ms=-1,
                                 file_delete_delay_ms=0)
                for name in ("doomed", "second", "old", "old", "old", "old", "old", "old"):
                    api.produce(wire, name, RECORD)
                producer, end = _first_mark(tally, disk, filler, broker, wire)
                _what_goes_on(tally, broker, wire, end)
                _room_again(tally, disk, filler, broker, wire, producer, end)
                _second_mark(tally, disk, filler, broker, wire)
            _start_with_ballast(tally, disk, filler, broker)
            _start_without_ballast(tally, disk, filler, broker)
            _starts_again_and_again(tally, disk, filler, broker)
            _recovers(tally, filler, broker)
        finally:
            broker.kill()
    if not options.keep:
        shutil.rmtree(home, ignore_errors=True)
