"""The two brokers, each as its user would start it, and what the kernel says of them.

Apache Kafka runs as its own start script runs it: 1 GiB heap, G1 with the script's options, default
settings. Strandline runs with no settings at all. Both keep their data in the same file system.
"""

import os
import resource
import signal
import subprocess
import time

from harness.brokers import Broker, ReferenceKafka, Strandlined
from harness.wire import Wire

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

KAFKA_JVM = [
    "-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
]  # fmt: skip


def cpu_of(pid):
    """(user, system) CPU seconds of a process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) / CLOCK_TICKS, int(fields[12]) / CLOCK_TICKS


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        [line] = [line for line in file if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1000


class Measured(Broker):
    """What both contenders share."""

    def cpu(self):
        return cpu_of(self.process.pid)

    def rss_mb(self):
        return resident_mb(self.process.pid)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def create(self, topic, partitions, configs=None):
        # Files of deleted topics go at once: their pages are to be used by the next run.
        configs = {"file.delete.delay.ms": "0", **(configs or {})}
        with Wire(self.bootstrap, timeout=60) as wire:
            error = wire.create_topic(topic, partitions, configs)
        if error:
            raise RuntimeError(f"CreateTopics({topic}) answered error {error}")

    def delete(self, topic):
        with Wire(self.bootstrap, timeout=60) as wire:
            wire.delete_topic(topic)
        time.sleep(0.3)


class Kafka(Measured, ReferenceKafka):
    name = "kafka"

    def command(self):
        return ["java", *KAFKA_JVM, "-cp", self._classpath, "kafka.Kafka", self._properties]


class Strandline(Measured, Strandlined):
    name = "strandline"
    files_max = None

    def spawn(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.files_max, self.files_max))

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.home,
                preexec_fn=limit if self.files_max else None,
            )


# How a contender keeps its word on acks: (label, broker, topic settings). Kafka answers once the
# record is in the page cache; Strandline does that only where the topic asks for it.
VARIANTS = {
    "kafka": ("kafka", {}),
    "strandline": ("strandline", {}),
    "strandline-unsynced": ("strandline", {"flush.on.ack": "false"}),
}
