"""What a scenario stands in: a broker on a data directory of its own, a healthy client beside it, and
what /proc and the metrics page tell."""

import contextlib
import http.client
import re
import shutil
import tempfile
import threading
import time

from rig import api
from rig.batch import batch
from rig.broker import Broker
from rig.wire import Wire

MIB = 1 << 20
# A test's directory lies on the machine's disk, whose free space is no business of most scenarios.
DISK_SETTINGS = ["disk.ballast.bytes=0", "disk.watermark.refuse.bytes=0", "disk.watermark.stop.bytes=0"]


@contextlib.contextmanager
def running(options, *settings, descriptors=None):
    """A started broker; killed and its directory removed at the end."""
    home = tempfile.mkdtemp(prefix="e2e-")
    broker = Broker(options.broker, f"{home}/data", [*DISK_SETTINGS, *settings], work=home,
                    descriptors=descriptors)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
        if options.keep:
            print(f"# kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


def get(port, path, host=None, method="GET", body=None, headers=None, timeout=20):
    """(status, headers, body) of one HTTP exchange."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers={
            **({"Host": host} if host is not None else {}), **(headers or {})})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


_SAMPLE = re.compile(r"^(\w+)(?:\{([^}]*)\})? (\S+)$", re.MULTILINE)


def metric(broker, name, **labels):
    """The sum over all samples of a metric that carry these labels."""
    page = get(broker.http, "/metrics")[2]
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(float(value) for sample, given, value in _SAMPLE.findall(page)
               if sample == name and all(label in given for label in wanted))


class HealthyClient:
    """Produces with acks=all and fetches what it produced, over and over, on its own thread. `topic`
    must exist. Whatever goes wrong ends it, and is told by problem()."""

    def __init__(self, broker, topic="healthy", pause=0.01):
        self._broker = broker
        self._topic = topic
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="healthy")
        self._problem = None
        self.seconds = []  # each round, produce and fetch

    def __enter__(self):
        with Wire(self._broker.port) as wire:
            error = api.create_topic(wire, self._topic)
            if error:
                raise AssertionError(f"create topic: error {error}")
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _work(self):
        try:
            with Wire(self._broker.port, timeout=30) as wire:
                while not self._stop.is_set():
                    self._round(wire)
                    self._stop.wait(self._pause)
        except Exception as error:
            self._problem = f"after {len(self.seconds)} rounds: {error!r}"

    def _round(self, wire):
        began = time.monotonic()
        value = b"round %d" % len(self.seconds)
        produced = api.produce(wire, self._topic, batch([value]))
        if produced.error or produced.offset != len(self.seconds):
            raise AssertionError(f"produced {produced}")
        fetched = api.fetch(wire, self._topic, produced.offset)
        if fetched.error or api.values(fetched) != [value]:
            raise AssertionError(f"fetched {fetched}")
        self.seconds.append(time.monotonic() - began)

    def rounds(self):
        return len(self.seconds)

    def verdict(self, seconds_max, rounds_min=10):
        """What is wrong, or an empty text."""
        if self._problem is not None:
            return self._problem
        if len(self.seconds) < rounds_min:
            return f"only {len(self.seconds)} rounds"
        slowest = max(self.seconds)
        return "" if slowest <= seconds_max else f"a round took {slowest:.2f} s"

    def told(self):
        ordered = sorted(self.seconds) or [0]
        return (f"{len(self.seconds)} rounds, median {ordered[len(ordered) // 2] * 1000:.1f} ms, "
                f"longest {ordered[-1] * 1000:.0f} ms")
