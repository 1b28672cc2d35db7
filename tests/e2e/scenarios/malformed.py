"""Bytes that are no request: each connection gets the answer Kafka would give, or is closed, the log
says so without being flooded, and a healthy client beside it notices nothing."""

import gzip
import random
import struct

from harness.world import MIB, HealthyClient, get, metric, running
from rig import api
from rig.batch import CRC_AT, MAGIC_AT, batch, old_message, with_byte
from rig.wire import Wire, frame, request, string, until

TOPIC = "good"
REQUEST_MAX = 4 * MIB
TELLS = {
    "size": "frame length outside the limits, closing",
    "header": "closing a connection that sent no request we serve",
    "body": "request does not decode, closing",
}


def _header(key, version, rest=b""):
    return struct.pack(">hhi", key, version, 7) + rest


def _closing_cases():
    """name, bytes, the line that tells of it (None: going away in the middle is no event)"""
    produce = _header(api.PRODUCE, 8, string("bad"))
    fetch = _header(api.FETCH, 5, string("bad"))
    create = _header(api.CREATE_TOPICS, 2, string("bad"))
    flexible = _header(api.METADATA, 12, string("bad") + b"\0")
    yield "a length of 2^31-1", struct.pack(">i", 0x7FFFFFFF), "size"
    yield "a length one above the limit", struct.pack(">i", REQUEST_MAX + 1), "size"
    yield "a length of -1", struct.pack(">i", -1), "size"
    yield "a length of -2^31", struct.pack(">i", -(1 << 31)), "size"
    yield "a TLS hello", bytes.fromhex("1603010200010001fc0303") + b"\x55" * 64, "size"
    yield "a frame of no bytes", frame(b""), "header"
    yield "a frame that ends in its header", frame(b"\0\x12\0\0\0"), "header"
    yield "an unknown API", frame(_header(999, 0, string("bad"))), "header"
    yield "a negative API", frame(_header(-1, 0, string("bad"))), "header"
    yield "an API of brokers only", frame(_header(4, 0, string("bad"))), "header"
    yield "a version too new", frame(_header(api.METADATA, 99, string("bad"))), "header"
    yield "a negative version", frame(_header(api.FETCH, -1, string("bad"))), "header"
    yield "Produce of version 2", frame(_header(api.PRODUCE, 2, string("bad"))), "header"
    yield "a client id longer than the frame", frame(_header(api.METADATA, 1, b"\x7f\xff")), "header"
    yield "a client id of length -2", frame(_header(api.METADATA, 1, b"\xff\xfe")), "header"
    yield "header tags without end", frame(_header(api.METADATA, 12, string("") + b"\xff" * 5)), "header"
    yield "no body where one is due", frame(produce), "body"
    yield "a truncated body", frame(request(api.PRODUCE, 8, 7, api.produce_body(
        TOPIC, {0: batch([b"x" * 100])}))[4:-50]), "body"
    yield "-1 topics to produce to", frame(produce + struct.pack(">hhii", -1, -1, 1, -1)), "body"
    yield "-7 topics to fetch", frame(fetch + struct.pack(">iiiibi", -1, 0, 0, 1, 0, -7)), "body"
    yield "2^31-1 topics to fetch", frame(fetch + struct.pack(">iiiibi", -1, 0, 0, 1, 0, 0x7FFFFFFF)), "body"
    yield "-1 topics to create", frame(create + struct.pack(">iib", -1, 1, 0)), "body"
    yield "a topic name of length -1", frame(fetch + struct.pack(">iiiibih", -1, 0, 0, 1, 0, 1, -1)), "body"
    yield "records of length 2^31-1", frame(produce + struct.pack(">hhii", -1, -1, 1, 1) + string(TOPIC)
                                            + struct.pack(">iii", 1, 0, 0x7FFFFFFF)), "body"
    yield "records of length -5", frame(produce + struct.pack(">hhii", -1, -1, 1, 1) + string(TOPIC)
                                        + struct.pack(">iii", 1, 0, -5)), "body"
    yield "a compact array of 2^32-2", frame(flexible + b"\xff\xff\xff\xff\x0f\0\0\0"), "body"
    yield "a varint without end", frame(flexible + b"\xff" * 12), "body"
    yield "tags that do not ascend", frame(flexible + b"\x00\0\0\x02\x05\x00\x05\x00"), "body"


def _closed(tally, broker):
    for name, data, kind in _closing_cases():
        with Wire(broker.port) as wire:
            peer = wire.name()
            wire.send(data)
            closed, came = wire.closed_within(5)
            counted = metric(broker, "strandline_malformed_frames_total")
        # Lines are limited, the count is not.
        told = [line for line in broker.log_since_start().splitlines() if f"peer={peer} " in line]
        right = all(TELLS[kind] in line for line in told) and len(told) <= 1
        tally.check(f"malformed: {name} closes the connection without an answer",
                    closed and came == 0 and right and broker.alive(),
                    f"closed {closed}, {came} bytes, counted {counted}, {told}")
    count = len(list(_closing_cases()))
    counted = metric(broker, "strandline_malformed_frames_total")
    tally.check(f"malformed: all {count} are counted", counted == count, counted)
    lines = broker.log_since_start()
    for kind, text in TELLS.items():
        tally.check(f"malformed: the log tells the first of its kind ({kind})", text in lines, lines)


def _versions(tally, broker):
    for version in (5, 99, -1):
        with Wire(broker.port) as wire:
            wire.send(frame(_header(api.API_VERSIONS, version, b"\x80 not what you think")))
            correlation, answer = wire.receive()
            error = answer.int16()
            apis = answer.array(lambda a: (a.int16(), a.int16(), a.int16()))
            tally.check(f"malformed: ApiVersions of version {version} is answered in version 0 with 35",
                        (correlation, error, apis, answer.left()) ==
                        (7, api.UNSUPPORTED_VERSION, [(api.API_VERSIONS, 0, 4)], 0), (error, apis))
            wire.send(request(api.API_VERSIONS, 0, 8, b""))
            correlation, answer = wire.receive()
            tally.check(f"malformed: and the connection goes on with version 0 (after {version})",
                        (correlation, answer.int16()) == (8, 0))
    with Wire(broker.port) as wire:
        # Flexible body: software name "a b", which Kafka's rule for names refuses.
        wire.send(request(api.API_VERSIONS, 3, 9, b"\0" + b"\x04a b" + b"\x021" + b"\0"))
        correlation, answer = wire.receive()
        error = answer.int16()
        tally.check("malformed: a software name that breaks the rules is INVALID_REQUEST",
                    (correlation, error) == (9, api.INVALID_REQUEST), error)


def _batch_cases():
    """name, records, the error of its partition"""
    good = batch([b"x" * 50, b"y"])
    bomb = gzip.compress(b"\0" * (300 * MIB), 9)
    yield "a wrong CRC", with_byte(good, CRC_AT, good[CRC_AT] ^ 1), api.CORRUPT_MESSAGE
    yield "a flipped record byte", with_byte(good, len(good) - 9, good[-9] ^ 4), api.CORRUPT_MESSAGE
    yield "a batch cut short", good[:-10], api.CORRUPT_MESSAGE
    yield "a header cut short", good[:40], api.CORRUPT_MESSAGE
    yield "a batch length of -1", good[:8] + struct.pack(">i", -1) + good[12:], api.CORRUPT_MESSAGE
    yield "format 0", old_message(0), api.INVALID_RECORD
    yield "format 1", old_message(1), api.INVALID_RECORD
    yield "format 3", with_byte(good, MAGIC_AT, 3), api.INVALID_RECORD
    yield "two batches in one", good + good, api.INVALID_RECORD
    yield "null records", None, api.INVALID_RECORD
    yield "no records", b"", api.INVALID_RECORD
    yield "more records announced than there are", batch([b"x"], count=5), api.INVALID_RECORD
    yield "fewer records announced than there are", batch([b"x", b"y"], count=1), api.INVALID_RECORD
    yield "-1 records", batch([b"x"], count=-1, last_delta=0), api.INVALID_RECORD
    yield "a codec that does not exist", batch([b"x"], attributes=7), 76
    for number, codec in enumerate(("gzip", "snappy", "lz4", "zstd"), 1):
        yield (f"{codec} that is none", batch([b"x"], attributes=number, payload=b"\x93" * 200),
               api.INVALID_RECORD)
    yield "gzip cut short", batch([b"x"], attributes=1, payload=gzip.compress(b"z" * 5000)[:-12]), \
        api.INVALID_RECORD
    yield "gzip of 300 MiB", batch([b"x"], attributes=1, payload=bomb), api.MESSAGE_TOO_LARGE
    yield "a batch above max.message.bytes", batch([b"x" * (1100 * 1024)]), api.MESSAGE_TOO_LARGE


def _batches(tally, broker):
    before = broker.resident_bytes()
    with Wire(broker.port) as wire:
        api.create_topic(wire, TOPIC)
        appended = []
        for name, records, error in _batch_cases():
            got = api.produce(wire, TOPIC, records)
            value = name.encode()
            after = api.produce(wire, TOPIC, batch([value]))
            appended.append(value)
            tally.check(f"malformed: Produce of {name} is answered {error}, and the connection goes on",
                        (got.error, got.offset, after.error, after.offset) ==
                        (error, -1, 0, len(appended) - 1), (got, after))
        values = api.values(api.fetch(wire, TOPIC, 0))
        tally.check("malformed: the partition holds what was good, and nothing else", values == appended,
                    values)
    risen = broker.resident_bytes() - before
    tally.check("malformed: unpacking a bomb leaves no memory behind", risen < 64 * MIB,
                f"{risen / MIB:.0f} MiB more")


def _half_frames(tally, broker):
    """Clients that go away in the middle of anything."""
    whole = request(api.PRODUCE, 8, 1, api.produce_body(TOPIC, {0: batch([b"half" * 100])}))
    with Wire(broker.port) as wire:
        end = api.list_offset(wire, TOPIC, -1)[1]
    wrong = []
    for cut in [*range(1, 70, 3), len(whole) - 1]:
        with Wire(broker.port) as wire:
            wire.send(whole[:cut])
            wire.half_close()
            closed, came = wire.closed_within(5)
            if not closed or came:
                wrong.append((cut, closed, came))
    tally.check("malformed: a frame cut off anywhere is dropped with its connection", not wrong, wrong)
    with Wire(broker.port) as wire:
        now = api.list_offset(wire, TOPIC, -1)[1]
    tally.check("malformed: and nothing of it is appended", now == end, f"{end}, then {now}")


def _garbage(tally, broker, connections):
    prng = random.Random(7)
    left_open = []
    for i in range(connections):
        data = prng.randbytes(prng.randint(1, 3000))
        if i % 2:  # a plausible length, so that the bytes reach a decoder
            key = prng.choice([0, 1, 2, 3, 10, 18, 19, 20, 21, 22, 32, 44, 60, 75])
            data = frame(struct.pack(">hhi", key, prng.randint(0, 13), i) + string("g") + data)
        with Wire(broker.port) as wire:
            try:
                wire.send(data)
            except ConnectionError:
                continue
            wire.half_close()
            if not wire.closed_within(10)[0]:
                left_open.append(i)
    tally.check(f"malformed: {connections} connections of garbage are all closed",
                not left_open and broker.alive(), f"open: {left_open[:10]}\n{broker.log_tail()}")


def _flood(tally, broker):
    """What a peer can cause at will is told at most five times in ten seconds, and the rest counted."""
    told = TELLS["size"]
    floods = 500

    def lines():
        return [line for line in broker.log_since_start().splitlines() if told in line]

    before = len(lines())
    for _ in range(floods):
        with Wire(broker.port) as wire:
            wire.send(struct.pack(">i", -3))
            wire.closed_within(5)
    written = len(lines()) - before
    tally.check(f"malformed: {floods} like lines are written at most a few times", written <= 10,
                f"{written} lines")

    def held_back():
        page = broker.log_since_start()
        return sum(int(line.rpartition("suppressed=")[2]) for line in page.splitlines()
                   if "key=net/frame-size" in line or (told in line and "suppressed=" in line))

    everything = metric(broker, "strandline_connections_closed_total", reason="frame_size")
    right = until(lambda: held_back() + len(lines()) == everything, 30, pause=0.2)
    tally.check("malformed: once the flood is over the log says how many were held back", right,
                f"{len(lines())} lines and {held_back()} held back of {everything:.0f}")


def _http(tally, broker):
    with Wire(broker.port) as wire:
        wire.send(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        came = wire.closed_within(5)[1]
        tally.check("malformed: HTTP on the kafka port is answered", came > 0)
    for path, status in (("/metrics", 200), ("/v1/topics", 404)):
        got = get(broker.port, path)[0]
        tally.check(f"malformed: {path} on the kafka port is {status}", got == status, got)


def run(tally, options):
    with running(options, f"socket.request.max.bytes={REQUEST_MAX}") as broker:
        with HealthyClient(broker) as healthy:
            _closed(tally, broker)
            _versions(tally, broker)
            _batches(tally, broker)
            _half_frames(tally, broker)
            _garbage(tally, broker, 3000 if options.long else 300)
            _http(tally, broker)
            _flood(tally, broker)
        tally.check("malformed: a healthy client was served all the while", not healthy.verdict(3),
                    healthy.verdict(3))
        print(f"# malformed: healthy client: {healthy.told()}")
        tally.check("malformed: the broker closes cleanly afterwards", broker.stop() == 0,
                    broker.log_tail())
