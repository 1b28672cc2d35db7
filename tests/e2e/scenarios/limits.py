"""The limits on connections: how many, how long they may be idle or stalled, how much they may ask at a
time. At each the broker does what docs/operations.md says, and nothing else."""

import struct
import time

from harness.world import HealthyClient, metric, running
from rig import api
from rig.batch import batch
from rig.wire import Closed, Wire, frame, request, until


def _answers(wire):
    try:
        return wire.call(api.API_VERSIONS, 0, b"").int16() == 0
    except Closed:
        return False


def _connections_max(tally, options):
    with running(options, "max.connections=20") as broker:
        until(lambda: metric(broker, "strandline_connections_open") == 0, 5)
        wires = [Wire(broker.port) for _ in range(20)]
        tally.check("limits: max.connections are served", all(_answers(wire) for wire in wires))
        more = [Wire(broker.port) for _ in range(5)]
        closed = [wire.closed_within(5) for wire in more]
        tally.check("limits: one more is closed as soon as it is accepted", closed == [(True, 0)] * 5,
                    closed)
        tally.check("limits: those that were there notice nothing", all(_answers(wire) for wire in wires))
        refused = metric(broker, "strandline_connections_refused_total", reason="connections_max")
        tally.check("limits: the refused are counted", refused == 5, refused)
        told = "max.connections are open" in broker.log_since_start()
        tally.check("limits: and the log says so", told, broker.log_tail())
        wires.pop().close()
        tally.check("limits: when one leaves there is room for another",
                    until(lambda: _try_once(broker), 5), "still refused")
        for wire in [*wires, *more]:
            wire.close()


def _try_once(broker):
    with Wire(broker.port) as wire:
        return _answers(wire)


def _descriptors(tally, options):
    """No descriptor left: connections are turned away at once instead of hanging."""
    with running(options, "max.connections=1000", descriptors=100) as broker:
        wires = [Wire(broker.port) for _ in range(150)]
        served = []
        for wire in wires:
            try:
                served.append(_answers(wire))
            except ConnectionError:
                served.append(False)
        turned_away = served.count(False)
        tally.check("limits: without descriptors connections are turned away, the others are served",
                    30 <= served.count(True) < 100 and turned_away > 0, f"{served.count(True)} served")
        told = "no descriptor left" in broker.log_since_start()
        tally.check("limits: the log says what to raise", told and "ulimit -n" in broker.log_since_start(),
                    broker.log_tail())
        for wire in wires:
            wire.close()
        tally.check("limits: and serves again when they have gone", until(lambda: _try_once(broker), 5),
                    broker.log_tail())


def _closing_time(wire):
    """Seconds until the broker closes, and the bytes that came before; None when it does not."""
    began = time.monotonic()
    closed, came = wire.closed_within(12)
    return (time.monotonic() - began if closed else None), came


def _idle_and_stalled(tally, options):
    with running(options, "connections.max.idle.ms=2000", "connections.stalled.max.ms=1000") as broker:
        with HealthyClient(broker) as healthy, Wire(broker.port) as setup:
            api.create_topic(setup, "empty")
            silent, half, late = (Wire(broker.port) for _ in range(3))
            poll = Wire(broker.port)
            asked = poll.send_request(api.FETCH, 5, api.fetch_body("empty", {0: 0}, wait_ms=4500))
            tally.check("limits: a connection answers before it idles", _answers(silent))
            half.send(frame(b"\0\x12\0\0\0\0\0\1\0\0")[:9])
            # A byte every half second is progress; the frame is complete after that, and answered.
            slow_frame = request(api.API_VERSIONS, 0, 5, b"")
            dripped = True
            for i in range(0, len(slow_frame), 5):
                late.send(slow_frame[i : i + 5])
                dripped = dripped and not late.closed_within(0.5)[0] or i + 5 >= len(slow_frame)
            tally.check("limits: a frame that keeps coming is no stall", dripped)
            took, came = _closing_time(half)
            tally.check("limits: half a request is closed after connections.stalled.max.ms",
                        took is not None and came == 0, (took, came))
            took, came = _closing_time(silent)
            tally.check("limits: silence is closed after connections.max.idle.ms", took is not None,
                        (took, came))
            correlation, answer = poll.receive()
            got = api.read_fetched(answer)[0]
            tally.check("limits: a long poll is neither idle nor stalled",
                        correlation == asked and got.error == 0, got)
            counts = [metric(broker, "strandline_connections_closed_total", reason=reason)
                      for reason in ("half_sent", "idle")]
            tally.check("limits: both are counted under their reasons", counts[0] == 1 and counts[1] >= 1,
                        counts)
            for wire in (silent, half, late, poll):
                wire.close()
        tally.check("limits: a healthy client beside them was served", not healthy.verdict(3),
                    healthy.verdict(3))


def _in_flight(tally, options):
    with running(options, "requests.in.flight.max=4") as broker:
        with Wire(broker.port) as wire, Wire(broker.port) as other:
            api.create_topic(other, "empty")
            poll = api.fetch_body("empty", {0: 0}, wait_ms=30_000)
            wire.send(b"".join(request(api.FETCH, 5, i, poll) for i in range(12)))
            until(lambda: metric(broker, "strandline_reads_paused_total") > 0, 5)
            waiting = until(lambda: metric(broker, "strandline_delayed_fetches") >= 4, 5) and metric(
                broker, "strandline_delayed_fetches")
            tally.check("limits: requests.in.flight.max are at work, the others wait unread", waiting == 4,
                        waiting)
            got = []
            for i in range(3):  # each append answers those at work, and lets as many in
                api.produce(other, "empty", batch([b"%d" % i]))
                got += [wire.receive()[0] for _ in range(4)] if i == 0 else []
            got += [wire.receive()[0] for _ in range(8)]
            tally.check("limits: all are answered in order in the end", got == list(range(12)), got)


def _biggest_frame(tally, options):
    """HTTP and Kafka are told apart by their first bytes whatever the largest request may be."""
    with running(options, "socket.request.max.bytes=2147483647", "memory.budget=2GiB") as broker:
        with Wire(broker.port, timeout=5) as wire:
            wire.send(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            closed, came = wire.closed_within(5)
        tally.check("limits: /ready is answered on the kafka port under the largest possible "
                    "socket.request.max.bytes", closed and came > 0, f"closed {closed}, {came} bytes")
        before = broker.resident_bytes()
        with Wire(broker.port) as wire:
            wire.send(struct.pack(">i", 0x7FFFFFFF) + b"\0\0\0\1")
            open_still = not wire.closed_within(1)[0]
            risen = broker.resident_bytes() - before
        tally.check("limits: an announced frame of 2 GiB takes no memory before it comes",
                    open_still and risen < 1 << 20, f"{risen} bytes more")


def run(tally, options):
    _connections_max(tally, options)
    _descriptors(tally, options)
    _idle_and_stalled(tally, options)
    _in_flight(tally, options)
    _biggest_frame(tally, options)
