"""The brokers under test: strandlined, or Apache Kafka, which proves the tests right."""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import deps
from harness.wire import Wire

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A running broker on its own temporary data directory."""

    kind = ""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix=f"compat-{self.kind}-")
        self.data = os.path.join(self.home, "data")
        self.log_path = os.path.join(self.home, "broker.out")
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.prepare()
        self.spawn()
        self.await_ready()
        return self

    def prepare(self):
        """What has to be on disk before the first start."""

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.home
            )

    def await_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            if self.process.poll() is not None:
                status, log = self.process.returncode, self.log_tail()
                raise RuntimeError(f"broker exited with {status}:\n{log}")
            try:
                with Wire(self.bootstrap, timeout=2) as wire:
                    wire.api_versions()
                return
            except (OSError, AssertionError):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"broker not ready:\n{self.log_tail()}") from None
                time.sleep(0.02)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Asks it to end; returns its exit status (negative: the signal that ended it)."""
        return self._end(self.process)

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return -signal.SIGKILL

    def log_tail(self, lines=40):
        with open(self.log_path, errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def clean(self):
        shutil.rmtree(self.home, ignore_errors=True)

    def command(self):
        raise NotImplementedError


class Strandlined(Broker):
    kind = "strandline"

    def __init__(self, path):
        super().__init__()
        self._path = os.path.abspath(path)

    def command(self):
        return [
            self._path, "--data", self.data, "--listen", self.bootstrap,
            "--set", "http.listen=none",
        ]


class StrandlinedCluster(Strandlined):
    """Three of them that are one cluster; clients are told the first. With `hurt` they are told all, and
    each in its turn is killed and started again, over and over, while a client is at work."""

    def __init__(self, path, hurt=False):
        super().__init__(path)
        self.is_hurt = hurt
        self._rest = threading.Event()
        self._nemesis = None
        self._ports = {1: self.port, 2: free_port(), 3: free_port()}
        self._processes = {}
        rpc = {node: free_port() for node in self._ports}
        self._voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in rpc.items())
        self.kills = 0

    def command(self, node=1):
        return [
            self._path, "--data", os.path.join(self.home, f"data-{node}"), "--listen",
            f"127.0.0.1:{self._ports[node]}", "--set", "http.listen=none", "--set",
            f"node.id={node}", "--set", f"cluster.voters={self._voters}",
        ]

    def _start(self, node):
        with open(f"{self.log_path}-{node}", "ab") as log:
            self._processes[node] = subprocess.Popen(
                self.command(node), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.home
            )

    def spawn(self):
        for node in self._ports:
            self._start(node)
        self.process = self._processes[1]

    def await_ready(self):
        for node, port in self._ports.items():
            self.bootstrap = f"127.0.0.1:{port}"
            self.process = self._processes[node]
            super().await_ready()
        self.bootstrap, self.process = f"127.0.0.1:{self.port}", self._processes[1]
        self._await_three(self.port)
        if self.is_hurt:
            self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self._ports.values())

    def hurt(self, topics):
        """Makes the topics, and begins to kill."""
        with Wire(f"127.0.0.1:{self.port}", timeout=10) as wire:
            for name in topics:
                error = wire.create_topic(name, partitions=3, replicas=3)
                if error:
                    raise RuntimeError(f"the topic {name} cannot be made: error {error}")
        self._nemesis = threading.Thread(target=self._kill_in_turns, daemon=True)
        self._nemesis.start()

    def _await_three(self, port):
        """As the broker at that port sees it. A topic that is made before has fewer replicas."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, AssertionError):
                with Wire(f"127.0.0.1:{port}", timeout=2) as wire:
                    if len(wire.broker_ids()) == 3:
                        return
            time.sleep(0.02)
        raise RuntimeError("three brokers do not become one cluster")

    def _kill_in_turns(self):
        for node in itertools.cycle(self._ports):
            if self._rest.wait(1.5):
                return
            self._processes[node].kill()
            self._processes[node].wait()
            self.kills += 1
            self._rest.wait(0.5)
            self._start(node)
            self.process = self._processes[1]
            self._await_three(self._ports[node])

    def log_tail(self, lines=40):
        text = ""
        for node in self._ports:
            with open(f"{self.log_path}-{node}", errors="replace") as log:
                text += f"--- broker {node}\n" + "".join(log.readlines()[-lines:])
        return text

    def alive(self):
        """All of them, once nobody kills them any more."""
        self._rest.set()
        if self._nemesis is not None:
            self._nemesis.join()
        return all(process.poll() is None for process in self._processes.values())

    def stop(self):
        self.alive()
        for node, process in self._processes.items():
            if node != 1 and process.poll() is None:
                process.kill()
                process.wait()
        return self._end(self.process)


class ReferenceKafka(Broker):
    """One KRaft node with default settings, as far as one node on loopback allows."""

    kind = "kafka"

    def prepare(self):
        controller = free_port()
        self._properties = os.path.join(self.home, "server.properties")
        with open(self._properties, "w") as file:
            file.write(
                "process.roles=broker,controller\n"
                "node.id=1\n"
                f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
                f"listeners=PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{controller}\n"
                f"advertised.listeners=PLAINTEXT://{self.bootstrap}\n"
                "controller.listener.names=CONTROLLER\n"
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
                f"log.dirs={self.data}\n"
                "offsets.topic.replication.factor=1\n"
                "transaction.state.log.replication.factor=1\n"
                "transaction.state.log.min.isr=1\n"
            )
        self._classpath = deps.java_classpath()
        subprocess.run(
            ["java", "-cp", self._classpath, "kafka.tools.StorageTool", "format"]
            + ["-t", "4L6g3nShT-eMCtK--X86sw", "-c", self._properties],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def command(self):
        return ["java", "-Xmx512m", "-cp", self._classpath, "kafka.Kafka", self._properties]


class External(Broker):
    """A reference broker somebody else runs: handy while writing checks, never stopped here."""

    kind = "kafka"

    def __init__(self, bootstrap):
        super().__init__()
        self.bootstrap = bootstrap
        self.data = os.environ.get("COMPAT_DATA", "")

    def start(self):
        with Wire(self.bootstrap) as wire:
            wire.api_versions()
        return self

    def alive(self):
        return True

    def stop(self):
        return 0
