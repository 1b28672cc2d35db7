"""Many partitions and few descriptors: files.open.max is kept, and everything is served."""

import random
import time

from harness.world import HealthyClient, metric, running
from rig import api
from rig.batch import batch
from rig.wire import Wire, until

FILES_MAX = 100
# Held beside the cache: checkpoint, lock, metadata log, the directory.
BESIDE = 10


def _data_files(broker):
    return [path for path in broker.open_files() if path.startswith(broker.data)]


def _produce_to(wire, topic, partitions, acks):
    """A batch to each; the errors. Many partitions a request, as producers do."""
    errors = {}
    for at in range(0, len(partitions), 250):
        batches = {p: batch([b"p%d" % p]) for p in partitions[at : at + 250]}
        answer = api.read_produced(wire.call(api.PRODUCE, 8, api.produce_body(topic, batches, acks)))
        errors.update({p: got.error for p, got in answer.items() if got.error})
    return errors


def _read(wire, topic, partitions):
    """The partitions that do not give back what was produced to them."""
    wrong = {}
    for partition in partitions:
        got = api.fetch(wire, topic, 0, partition)
        if got.error or api.values(got) != [b"p%d" % partition]:
            wrong[partition] = got
    return wrong


def _within(tally, broker, title, most):
    files = until(lambda: len(_data_files(broker)) <= most, 10) and len(_data_files(broker))
    tally.check(f"descriptors: {title}", files is not False and files <= most,
                f"{len(_data_files(broker))} files of the data directory are open, at most {most}")


def _few_files(tally, options):
    count = 1200
    with running(options, f"files.open.max={FILES_MAX}") as broker:
        with HealthyClient(broker) as healthy, Wire(broker.port, timeout=60) as wire:
            created = api.create_topic(wire, "wide", count)
            tally.check(f"descriptors: a topic of {count} partitions is made", created == 0, created)
            _within(tally, broker, "making them leaves no more than files.open.max open",
                    FILES_MAX + BESIDE)
            errors = _produce_to(wire, "wide", range(count), -1)
            tally.check("descriptors: each is produced to with acks=all", not errors, errors)
            _within(tally, broker, f"files.open.max={FILES_MAX} is kept after writing to {count}",
                    FILES_MAX + BESIDE)
            prng = random.Random(3)
            sample = prng.sample(range(count), 400)
            most = 0
            wrong = {}
            for at in range(0, len(sample), 20):
                wrong.update(_read(wire, "wide", sample[at : at + 20]))
                most = max(most, len(_data_files(broker)))
            tally.check("descriptors: a sample of 400 is read, whole", not wrong, list(wrong.items())[:3])
            tally.check("descriptors: files.open.max is kept while reading", most <= FILES_MAX + BESIDE,
                        f"{most} open")
            opened = metric(broker, "strandline_open_segment_files")
            tally.check("descriptors: the metrics tell what is held open", 0 < opened <= FILES_MAX + BESIDE,
                        opened)
        tally.check("descriptors: a healthy client was served beside it", not healthy.verdict(10),
                    healthy.verdict(10))
        print(f"# descriptors: {count} partitions, {most} files at most while reading; "
              f"healthy client: {healthy.told()}")
        stopped = broker.stop(60)
        tally.check("descriptors: the broker closes cleanly", stopped == 0, broker.log_tail())
        seconds = broker.start()
        with Wire(broker.port, timeout=60) as wire:
            wrong = _read(wire, "wide", sample[:50])
        tally.check("descriptors: and starts with all of them, within its files", not wrong and
                    seconds < 10, (seconds, list(wrong.items())[:3]))
        _within(tally, broker, "files.open.max is kept after a start", FILES_MAX + BESIDE)
        broker.kill()
        seconds = broker.start()
        tally.check("descriptors: also after a SIGKILL", seconds < 10, seconds)


def _ten_thousand(tally, options):
    count, descriptors = 10_000, 4096
    with running(options, descriptors=descriptors) as broker:
        with Wire(broker.port, timeout=120) as wire:
            began = time.monotonic()
            for number in range(4):
                created = api.create_topic(wire, f"wide-{number}", count // 4)
                tally.check(f"descriptors: topic {number} of {count // 4} partitions is made",
                            created == 0, created)
            made = time.monotonic() - began
            with HealthyClient(broker) as healthy:
                prng = random.Random(4)
                most = 0
                for number in range(4):
                    sample = sorted(prng.sample(range(count // 4), 1000))
                    errors = _produce_to(wire, f"wide-{number}", sample, -1)
                    tally.check(f"descriptors: 1000 partitions of topic {number} are produced to",
                                not errors, list(errors.items())[:3])
                    most = max(most, len(broker.open_files()))
                    wrong = _read(wire, f"wide-{number}", sample[::5])
                    tally.check(f"descriptors: and 200 of them read (topic {number})", not wrong,
                                list(wrong.items())[:3])
                    most = max(most, len(broker.open_files()))
            tally.check(f"descriptors: {count} partitions stay below ulimit -n {descriptors}",
                        most < descriptors * 3 // 4, most)
            tally.check("descriptors: a healthy client was served beside 10,000 partitions",
                        not healthy.verdict(10), healthy.verdict(10))
            began = time.monotonic()
            page = metric(broker, "strandline_log_end_offset")
            tally.check("descriptors: /metrics has them all", page == 4000 + healthy.rounds(), page)
            print(f"# descriptors: {count} partitions made in {made:.1f} s, {most} descriptors at most, "
                  f"metrics in {time.monotonic() - began:.2f} s; healthy client: {healthy.told()}")
        tally.check("descriptors: 10,000 partitions close cleanly", broker.stop(120) == 0,
                    broker.log_tail())
        seconds = broker.start()
        print(f"# descriptors: {count} partitions start in {seconds:.2f} s")
        tally.check("descriptors: and start", seconds < 20, seconds)


def run(tally, options):
    _few_files(tally, options)
    if options.long:
        _ten_thousand(tally, options)
