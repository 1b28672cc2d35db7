"""The brokers under test: strandlined, or Apache Kafka, which proves the tests right."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
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
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
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
