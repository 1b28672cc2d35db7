"""10,000 connections that send the beginning of a frame and no more: they cost little memory, take
nothing from the others, and leave nothing behind."""

import struct
import time

from harness.world import MIB, HealthyClient, metric, running
from rig import api
from rig.batch import batch
from rig.wire import Wire, request, until

CONNECTIONS = 10_000
SOURCES = 4  # loopback addresses, so that the ports of one are not used up
RISE_MAX = 64 * MIB
# The allocator keeps pages on which anything still lies; what is left serves the next ones, which
# therefore cost nothing more.
AGAIN_MAX = 4 * MIB


def _beginnings():
    """A few bytes each of frames that look harmless, by turns."""
    produce = request(api.PRODUCE, 8, 1, api.produce_body("healthy", {0: batch([b"x" * 900])}))
    return [
        b"\0",
        b"\0\0\1\0",
        struct.pack(">i", 60 * MIB) + produce[4:30],
        produce[:30],
        produce[:-1],
    ]


def _connect(broker, wires):
    beginnings = _beginnings()
    for i in range(CONNECTIONS):
        wire = Wire(broker.port, source=f"127.0.0.{1 + i % SOURCES}")
        wires.append(wire)
        wire.send(beginnings[i % len(beginnings)])


def _once_more(tally, broker, peak):
    wires = []
    _connect(broker, wires)
    until(lambda: metric(broker, "strandline_connections_open") >= CONNECTIONS, 30)
    more = broker.resident_bytes() - peak
    tally.check("many: the next ones live where they have lived", more < AGAIN_MAX,
                f"{more / MIB:.1f} MiB more")
    for wire in wires:
        wire.close()
    gone = until(lambda: metric(broker, "strandline_connections_open") < 10, 30)
    tally.check("many: and go as well", gone)


def run(tally, options):
    wires = []
    with running(options, "max.connections=20000", "files.open.max=1000") as broker:
        with HealthyClient(broker) as healthy:
            until(lambda: healthy.rounds() > 200, 20)  # its own memory is there before
            before = broker.resident_bytes()
            began = time.monotonic()
            _connect(broker, wires)
            opened = until(lambda: metric(broker, "strandline_connections_open") >= CONNECTIONS, 30)
            took = time.monotonic() - began
            tally.check(f"many: {CONNECTIONS} half-open connections are held", opened,
                        f"{metric(broker, 'strandline_connections_open'):.0f} open")
            rounds = healthy.rounds()
            until(lambda: healthy.rounds() > rounds + 200, 20)
            risen = broker.resident_bytes() - before
            tally.check(f"many: they cost less than {RISE_MAX // MIB} MiB", risen < RISE_MAX,
                        f"{risen / MIB:.1f} MiB")
            with Wire(broker.port) as fresh:
                tally.check("many: a new client is served beside them",
                            fresh.call(api.API_VERSIONS, 0, b"").int16() == 0)
            for wire in wires:
                wire.close()
            gone = until(lambda: metric(broker, "strandline_connections_open") < 10, 30)
            tally.check("many: when they go they are gone", gone)
            budget = metric(broker, "strandline_memory_used_bytes")
            tally.check("many: nothing of the budget is left in use", budget < MIB, budget)
            _once_more(tally, broker, before + risen)
        tally.check("many: a healthy client was served all the while", not healthy.verdict(3),
                    healthy.verdict(3))
        print(f"# many: opened in {took:.1f} s, {risen / MIB:.1f} MiB; healthy client: {healthy.told()}")
        tally.check("many: the broker closes cleanly afterwards", broker.stop() == 0, broker.log_tail())
