"""Several daemons that are one cluster: on loopback, or each on a host of its own."""

import json
import os
import tempfile
import time
import urllib.request

from rig import api
from rig.broker import START_SECONDS_MAX, Broker, StartFailed, free_port
from rig.wire import Wire

# Signals that the process is about to be gone: not counted as a crash of its own.
KILLED = -9

PORTS, RPC_PORT = (9092, 9644), 9192  # kafka and http; on hosts of their own


def until(condition, seconds):
    """Whether it holds within that time; a broker that does not answer says that it does not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except (OSError, KeyError, IndexError):
            pass
        time.sleep(0.01)
    return False


class Cluster:
    """Brokers 1 to `count`, each with a data directory of its own below `work`.

    `datas` gives other data directories by node; `settings` go to every broker. With a `network`
    broker N is on its host "bN".
    """

    def __init__(self, path, count=3, settings=(), work=None, datas=None, network=None):
        self.work = work or tempfile.mkdtemp(prefix="strandline-cluster-")
        self.rpc = {node: RPC_PORT if network else free_port() for node in range(1, count + 1)}
        hosts = {node: network.address(f"b{node}") if network else "127.0.0.1" for node in self.rpc}
        self.voters = ",".join(f"{node}@{hosts[node]}:{port}" for node, port in self.rpc.items())
        self.brokers = {}
        for node in self.rpc:
            home = os.path.join(self.work, f"broker-{node}")
            os.makedirs(home, exist_ok=True)
            data = (datas or {}).get(node, os.path.join(home, "data"))
            self.brokers[node] = Broker(
                path, data, [f"node.id={node}", f"cluster.voters={self.voters}", *settings], home,
                host=hosts[node], ports=PORTS if network else None,
                prefix=network.command(f"b{node}") if network else ())

    def __getitem__(self, node):
        return self.brokers[node]

    @property
    def bootstrap(self):
        return ",".join(broker.bootstrap for broker in self.brokers.values())

    def start(self, nodes=None):
        """Starts them together, as a first start needs; returns the seconds until all answered."""
        began = time.monotonic()
        for node in nodes or self.brokers:
            self.brokers[node].start(wait=False)
        for node in nodes or self.brokers:
            self.await_serving(node)
        return time.monotonic() - began

    def await_serving(self, node, seconds=START_SECONDS_MAX):
        broker = self.brokers[node]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not broker.alive():
                raise StartFailed(f"broker {node}: exit status {broker.process.returncode}\n"
                                  f"{broker.log_tail()}")
            if self.ready(node):
                return
            time.sleep(0.005)
        raise StartFailed(f"broker {node} does not serve after {seconds} s\n{broker.log_tail()}")

    def ready(self, node):
        try:
            with urllib.request.urlopen(self.url(node, "/ready"), timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def url(self, node, path):
        return f"http://{self.brokers[node].host}:{self.brokers[node].http}{path}"

    def get(self, node, path, timeout=5):
        """What a JSON endpoint of a broker says."""
        request = urllib.request.Request(self.url(node, path),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)

    def metrics(self, node, name, timeout=5):
        """The samples of a metric on a broker's page, by their labels as they stand there."""
        with urllib.request.urlopen(self.url(node, "/metrics"), timeout=timeout) as answer:
            lines = answer.read().decode().splitlines()
        found = {}
        for line in lines:
            series, _, value = line.rpartition(" ")
            family, _, labels = series.partition("{")
            if family == name:
                found[labels.rstrip("}")] = float(value)
        return found

    def controller(self, seconds=10):
        """The node that decides, as the brokers that live say."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for node, broker in self.brokers.items():
                if not broker.alive():
                    continue
                try:
                    leader = self.get(node, "/v1/quorum")["leader"]
                except (OSError, ValueError, KeyError):
                    continue
                if leader in self.brokers and self.brokers[leader].alive():
                    return leader
            time.sleep(0.01)
        raise TimeoutError(f"no controller in {seconds} s")

    def placed(self, topic, partition=0):
        """Where a partition is, as a broker that lives says."""
        node = next(node for node, broker in self.brokers.items() if broker.alive())
        with Wire(self.brokers[node].port) as wire:
            return api.placement(wire, topic)[partition]

    def stop(self):
        for broker in self.brokers.values():
            if broker.alive():
                broker.process.terminate()
        for broker in self.brokers.values():
            if broker.process is not None:
                broker.process.wait(30)

    def kill(self):
        for broker in self.brokers.values():
            broker.kill()
