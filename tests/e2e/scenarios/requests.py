"""What a well-behaved client relies on: acks, long polls, answers in the order of the requests."""

import struct
import threading
import time

from harness.world import metric, running
from rig import api
from rig.batch import batch, record
from rig.wire import Closed, Wire, request, until


def _acks(tally, broker):
    with Wire(broker.port) as wire:
        api.create_topic(wire, "acks")
        offsets = [api.produce(wire, "acks", batch([b"%d" % acks]), acks=acks).offset
                   for acks in (-1, 1)]
        tally.check("requests: acks=all and acks=1 are answered with the offset", offsets == [0, 1],
                    offsets)
        synced = metric(broker, "strandline_flushed_end_offset", topic="acks")
        tally.check("requests: what acks=all acknowledged is on the disk by then", synced >= 1, synced)
        # acks=0 has no answer: the next one on the wire belongs to the request behind it.
        wire.send_request(api.PRODUCE, 8, api.produce_body("acks", {0: batch([b"0"])}, acks=0))
        end = until(lambda: api.list_offset(wire, "acks", -1)[1] == 3, 5)
        tally.check("requests: acks=0 is appended and never answered", end, "the end did not move to 3")
        got = api.values(api.fetch(wire, "acks", 0))
        tally.check("requests: all three are there in their order", got == [b"-1", b"1", b"0"], got)
        bad = api.produce(wire, "acks", batch([b"x"]), acks=2)
        tally.check("requests: acks=2 is refused with INVALID_REQUIRED_ACKS",
                    bad.error == api.INVALID_REQUIRED_ACKS, bad)
        missing = api.produce(wire, "acks", batch([b"x"]), partition=7)
        tally.check("requests: a partition that is not there is UNKNOWN_TOPIC_OR_PARTITION",
                    missing.error == api.UNKNOWN_TOPIC, missing)
        wire.send_request(api.PRODUCE, 8, api.produce_body("acks", {7: batch([b"x"])}, acks=0))
        closed, came = wire.closed_within(5)
        tally.check("requests: an error under acks=0 closes the connection without an answer",
                    closed and came == 0, f"closed {closed}, {came} bytes")


def _long_poll(tally, broker):
    with Wire(broker.port) as reader, Wire(broker.port) as writer:
        api.create_topic(writer, "poll")
        sent = reader.send_request(api.FETCH, 5, api.fetch_body("poll", {0: 0}, wait_ms=30_000))
        waits = until(lambda: metric(broker, "strandline_delayed_fetches") == 1, 5)
        tally.check("requests: a fetch at the end of the log waits", waits, "no delayed fetch")
        began = time.monotonic()
        api.produce(writer, "poll", batch([b"woken"]))
        correlation, answer = reader.receive()
        took = time.monotonic() - began
        got = api.values(api.read_fetched(answer)[0])
        tally.check("requests: an append wakes it", got == [b"woken"] and correlation == sent and took < 5,
                    f"{got} after {took:.2f} s")
        began = time.monotonic()
        got = api.fetch(reader, "poll", 1, wait_ms=300)
        took = time.monotonic() - began
        tally.check("requests: without an append it is answered empty when its time is over",
                    api.values(got) == [] and got.error == 0 and 0.29 < took < 5, f"{got}, {took:.2f} s")
        # Two records of 1 KiB satisfy bytes_min, one does not.
        reader.send_request(api.FETCH, 5, api.fetch_body("poll", {0: 1}, 30_000, bytes_min=1500))
        until(lambda: metric(broker, "strandline_delayed_fetches") == 1, 5)
        api.produce(writer, "poll", batch([b"a" * 1000]))
        api.produce(writer, "poll", batch([b"b" * 1000]))
        got = api.values(api.read_fetched(reader.receive()[1])[0])
        tally.check("requests: bytes_min is waited for", [v[:1] for v in got] == [b"a", b"b"],
                    [len(v) for v in got])


def _pipeline(tally, broker):
    """A long poll in front, quick requests of all kinds behind it: the answers keep the order."""
    with Wire(broker.port) as wire, Wire(broker.port) as other:
        api.create_topic(other, "pipeline", partitions=4)
        api.create_topic(other, "empty")
        kinds = [(api.FETCH, 5, api.fetch_body("empty", {0: 0}, wait_ms=400))]
        for i in range(40):
            kinds.append([
                (api.PRODUCE, 8, api.produce_body("pipeline", {i % 4: batch([b"%d" % i])})),
                (api.METADATA, 1, api.metadata_body(["pipeline"])),
                (api.API_VERSIONS, 0, b""),
                (api.FETCH, 5, api.fetch_body("pipeline", {i % 4: 0}, wait_ms=0)),
            ][i % 4])
        frames = b"".join(request(key, version, 1000 + i, body)
                          for i, (key, version, body) in enumerate(kinds))
        wire.send(frames)
        got = [wire.receive()[0] for _ in kinds]
        tally.check("requests: a pipeline behind a long poll is answered in order",
                    got == list(range(1000, 1000 + len(kinds))), got)
        many = b"".join(request(api.PRODUCE, 8, 2000 + i, api.produce_body(
            "pipeline", {0: batch([b"p%d" % i])})) for i in range(50))
        before = api.list_offset(other, "pipeline", -1)[1]
        wire.send(many)
        offsets = [api.read_produced(wire.receive()[1])[0].offset for _ in range(50)]
        tally.check("requests: pipelined batches of one partition are appended in order",
                    offsets == list(range(before, before + 50)), offsets)
        values = api.values(api.fetch(other, "pipeline", before))
        tally.check("requests: and read back in order", values == [b"p%d" % i for i in range(50)], values)


def _byte_by_byte(tally, broker):
    with Wire(broker.port) as wire:
        frame = request(api.METADATA, 1, 77, api.metadata_body(["acks"]))
        for byte in frame:
            wire.send(bytes([byte]))
        tally.check("requests: a frame that comes byte by byte is answered", wire.receive()[0] == 77)
        wire.send(request(api.API_VERSIONS, 0, 78, b""))
        wire.half_close()
        answered = wire.receive()[0] == 78
        closed = wire.closed_within(5)[0]
        tally.check("requests: a client that sends its last request and closes its side gets the answer",
                    answered and closed, f"answered {answered}, closed {closed}")


def _more_partitions(tally, broker):
    """Keys go elsewhere when a topic grows, and whoever reads the log is told."""
    word = "a topic with keyed records got more partitions"
    keyed = record(0, b"value", key=b"key")
    with Wire(broker.port) as wire:
        for topic, sent in (("plain", batch([b"value"])), ("keyed", batch([b"value"], payload=keyed)),
                            ("empty", None)):
            api.create_topic(wire, topic)
            if sent is not None:
                api.produce(wire, topic, sent)
            grown = api.create_partitions(wire, topic, 3)
            tally.check("requests: a topic gets more partitions", grown == 0, (topic, grown))
    told = until(lambda: word in broker.log_since_start(), 5)
    time.sleep(0.2)
    lines = [line for line in broker.log_since_start().splitlines() if word in line]
    tally.check("requests: where records have keys the consequence is in the log, once",
                told and len(lines) == 1 and "topic=keyed" in lines[0], lines)


def _many_at_once(tally, broker):
    """20 clients append to one partition: every offset once, every record once."""
    acknowledged, problems = {}, []
    lock = threading.Lock()

    def work(number):
        try:
            with Wire(broker.port) as wire:
                for i in range(20):
                    value = b"%d/%d" % (number, i)
                    produced = api.produce(wire, "shared", batch([value]))
                    with lock:
                        acknowledged[produced.offset] = value
        except (Closed, AssertionError, struct.error) as error:
            problems.append(repr(error))

    with Wire(broker.port) as wire:
        api.create_topic(wire, "shared")
        threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        got = api.values(api.fetch(wire, "shared", 0))
    expected = [acknowledged.get(offset) for offset in range(400)]
    tally.check("requests: 400 appends of 20 clients are where they were acknowledged",
                not problems and got == expected, "\n".join(problems) or f"{len(got)} records")


def run(tally, options):
    with running(options) as broker:
        _acks(tally, broker)
        _long_poll(tally, broker)
        _pipeline(tally, broker)
        _byte_by_byte(tally, broker)
        _many_at_once(tally, broker)
        _more_partitions(tally, broker)
        tally.check("requests: the broker closes cleanly afterwards", broker.stop() == 0,
                    broker.log_tail())
