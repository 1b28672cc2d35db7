"""Clients that want much memory: by never reading their answers, by sending more than the budget at once,
by holding half of large requests. What the process takes stays bounded, and the others are served."""

import threading
import time

from harness.world import MIB, HealthyClient, metric, running
from rig import api
from rig.batch import batch
from rig.wire import Closed, Wire, request, until

BIG = 8 * MIB


def _filled(broker, topic, mebibytes):
    with Wire(broker.port) as wire:
        api.create_topic(wire, topic)
        one = batch([b"f" * (1000 * 1024)])
        for _ in range(mebibytes):
            produced = api.produce(wire, topic, one, acks=1)
            if produced.error:
                raise AssertionError(produced)


def _send_all(wire, data):
    """Sends until the broker takes no more; how much it took."""
    wire.socket.settimeout(0.3)
    sent = 0
    try:
        while sent < len(data):
            sent += wire.socket.send(data[sent : sent + MIB])
    except (TimeoutError, ConnectionError):
        pass
    return sent


def _unread_fetches(tally, options):
    """30 readers ask for 64 MiB sixteen times each and never read."""
    readers = 30
    with running(options, "connections.stalled.max.ms=3000") as broker:
        _filled(broker, "big", 64)
        with HealthyClient(broker) as healthy:
            until(lambda: healthy.rounds() > 50, 20)
            before = broker.resident_bytes()
            body = api.fetch_body("big", {0: 0})
            asked = b"".join(request(api.FETCH, 5, i, body) for i in range(16))
            wires = [Wire(broker.port, receive_bytes=4096) for _ in range(readers)]
            began = time.monotonic()
            for wire in wires:
                wire.send(asked)
            def slow():
                return metric(broker, "strandline_connections_closed_total", reason="slow_reader")

            risen = 0
            while slow() < readers and time.monotonic() - began < 20:
                risen = max(risen, broker.resident_bytes() - before)
                time.sleep(0.05)
            took = time.monotonic() - began
            tally.check(f"memory: {readers} clients that read no answer are closed as slow readers",
                        slow() == readers, f"{slow():.0f} after {took:.1f} s")
            tally.check("memory: not before connections.stalled.max.ms", took >= 2.9, f"{took:.2f} s")
            tally.check("memory: 2 GiB asked for and not read take less than 32 MiB", risen < 32 * MIB,
                        f"{risen / MIB:.1f} MiB")
            for wire in wires:
                wire.close()
            files = [f for f in broker.open_files() if "/big-0/" in f]
            tally.check("memory: their files are let go", len(files) <= 4, files)
        tally.check("memory: a healthy client beside unread fetches was served", not healthy.verdict(3),
                    healthy.verdict(3))
        print(f"# memory: unread fetches {risen / MIB:.1f} MiB, {took:.1f} s; healthy: {healthy.told()}")


def _unread_metadata(tally, options):
    """Answers that lie in memory: small requests, large answers, nobody reads."""
    clients, limit = 20, MIB
    with running(options, f"connection.memory.max.bytes={limit}", "partitions.max=5000") as broker:
        with Wire(broker.port) as wire:
            api.create_topic(wire, "wide", partitions=1500)
        with HealthyClient(broker) as healthy:
            until(lambda: healthy.rounds() > 50, 20)
            before = broker.resident_bytes()
            # One answer has some 40 KB, so this asks for 80 MB.
            asked = b"".join(request(api.METADATA, 1, i, api.metadata_body(["wide"]))
                             for i in range(2000))
            wires = [Wire(broker.port, receive_bytes=4096) for _ in range(clients)]
            for wire in wires:
                _send_all(wire, asked)
            until(lambda: metric(broker, "strandline_reads_paused_total") >= clients, 10)
            used = metric(broker, "strandline_memory_used_bytes")
            risen = broker.resident_bytes() - before
            # Beyond the limit by what was at work when it was reached, and the sockets' own share.
            bound = clients * (limit + 64 * 50_000)
            tally.check("memory: unread answers of a connection stop at connection.memory.max.bytes",
                        clients * 200_000 < used < bound, f"{used / MIB:.1f} of {bound / MIB:.1f} MiB")
            tally.check("memory: and the process takes no more than that", risen < 1.5 * bound,
                        f"{risen / MIB:.1f} MiB")
            wires[0].socket.settimeout(20)
            for i in range(2000):
                if wires[0].receive()[0] != i:
                    break
            tally.check("memory: who reads in the end gets every answer in order", i == 1999, i)
            for wire in wires:
                wire.close()
            tally.check("memory: all of it comes back",
                        until(lambda: metric(broker, "strandline_memory_used_bytes") < MIB, 10),
                        metric(broker, "strandline_memory_used_bytes"))
        tally.check("memory: a healthy client beside unread metadata was served", not healthy.verdict(3),
                    healthy.verdict(3))
        print(f"# memory: unread answers {used / MIB:.1f} MiB; healthy: {healthy.told()}")


def _held_requests(tally, options):
    """Long polls with a megabyte of padding each: requests at work that hold their frames."""
    limit = 8 * MIB
    with running(options, f"connection.memory.max.bytes={limit}") as broker:
        with Wire(broker.port) as wire, Wire(broker.port) as other:
            api.create_topic(other, "empty")
            padded = api.fetch_body("empty", {0: 0}, wait_ms=5000) + b"\0" * MIB
            sent = _send_all(wire, b"".join(request(api.FETCH, 5, i, padded) for i in range(48)))
            used = metric(broker, "strandline_memory_used_bytes")
            # A frame of a little over 1 MiB lies in a buffer of 2 MiB, or shares one of 4.
            tally.check("memory: requests at work stop at connection.memory.max.bytes, too",
                        used <= limit + 4 * MIB and sent < 48 * MIB, f"{used / MIB:.1f} MiB in use")
            tally.check("memory: other connections are served", api.produce(
                other, "empty", batch([b"x"])).error == 0)
            wire.close()
            tally.check("memory: and it comes back when the client goes",
                        until(lambda: metric(broker, "strandline_memory_used_bytes") < MIB, 10),
                        metric(broker, "strandline_memory_used_bytes"))


def _produce_big(broker, number, frame, outcomes):
    try:
        with Wire(broker.port, timeout=60) as wire:
            wire.send(frame)
            outcomes[number] = api.read_produced(wire.receive()[1])[0]
    except (Closed, OSError, AssertionError) as error:
        outcomes[number] = repr(error)


def _budget(tally, options):
    """48 producers send 8 MiB at once, six times the budget."""
    producers, budget = 48, 64 * MIB
    with running(options, f"memory.budget={budget}", "socket.request.max.bytes=16MiB",
                 "connection.memory.max.bytes=32MiB") as broker:
        with Wire(broker.port) as wire:
            api.create_topic(wire, "large", max_message_bytes=16 * MIB)
        frame = request(api.PRODUCE, 8, 1, api.produce_body(
            "large", {0: batch([b"b" * BIG])}, timeout=60_000))
        before, peak, used = broker.resident_bytes(), 0, 0
        outcomes = {}
        threads = [threading.Thread(target=_produce_big, args=(broker, n, frame, outcomes))
                   for n in range(producers)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, broker.resident_bytes() - before)
            used = max(used, metric(broker, "strandline_memory_used_bytes"))
            time.sleep(0.01)
        took = time.monotonic() - began
        errors = [o for o in outcomes.values() if isinstance(o, str) or o.error]
        offsets = sorted(o.offset for o in outcomes.values() if not isinstance(o, str))
        tally.check(f"memory: {producers} produces of 8 MiB at once are all served in the end",
                    not errors and offsets == list(range(producers)), errors[:5])
        tally.check("memory: the budget was reached", used >= budget // 2, f"{used / MIB:.0f} MiB")
        # One growth step of each frame that had begun may go beyond it.
        tally.check("memory: the process stays near memory.budget", peak < 2 * budget,
                    f"{peak / MIB:.0f} MiB at a budget of {budget / MIB:.0f}")
        back = until(lambda: metric(broker, "strandline_memory_used_bytes") < MIB, 10)
        tally.check("memory: the budget is free again", back)
        freed = until(lambda: broker.resident_bytes() - before < 24 * MIB, 15, pause=0.1)
        tally.check("memory: and the system has its memory back", freed,
                    f"{(broker.resident_bytes() - before) / MIB:.0f} MiB left of {peak / MIB:.0f}")
        print(f"# memory: {producers} large produces in {took:.1f} s, {peak / MIB:.0f} MiB at most, "
              f"{used / MIB:.0f} MiB of the budget")


def _half_sent(tally, options):
    """Clients that stop in the middle of large requests hold the budget until they are closed."""
    with running(options, "memory.budget=64MiB", "socket.request.max.bytes=16MiB",
                 "connection.memory.max.bytes=32MiB", "connections.stalled.max.ms=2000") as broker:
        with Wire(broker.port) as wire:
            api.create_topic(wire, "large", max_message_bytes=16 * MIB)
            frame = request(api.PRODUCE, 8, 1, api.produce_body("large", {0: batch([b"h" * BIG])}))
            before = broker.resident_bytes()
            wires = [Wire(broker.port) for _ in range(30)]
            for half in wires:
                _send_all(half, frame[: 5 * MIB])
            risen = broker.resident_bytes() - before
            tally.check("memory: 30 large requests half sent stay near the budget", risen < 128 * MIB,
                        f"{risen / MIB:.0f} MiB")
            wire.socket.settimeout(60)
            began = time.monotonic()
            produced = api.produce(wire, "large", batch([b"small"]))
            took = time.monotonic() - began
            tally.check("memory: another client is served once they are closed as half sent",
                        produced.error == 0 and took < 30, f"{produced} after {took:.1f} s")
            closed = until(lambda: metric(
                broker, "strandline_connections_closed_total", reason="half_sent") == 30, 60)
            tally.check("memory: each of them is closed in the end", closed, metric(
                broker, "strandline_connections_closed_total", reason="half_sent"))
            print(f"# memory: half-sent requests {risen / MIB:.0f} MiB; another client waited {took:.1f} s")
            for half in wires:
                half.close()


def run(tally, options):
    _unread_fetches(tally, options)
    _unread_metadata(tally, options)
    _held_requests(tally, options)
    _budget(tally, options)
    _half_sent(tally, options)
