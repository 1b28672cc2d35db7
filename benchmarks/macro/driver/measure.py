"""One measurement each: a load, the broker's CPU around it, and a dictionary of what came out."""

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from driver import machine
from harness import deps

RUN_SECONDS_MAX = 400
JAVA_CLIENT = ["java", "-Xmx512m", "-XX:+UseG1GC"]


@dataclass(frozen=True)
class Case:
    """What is sent: printed as one short name in tables."""

    record_bytes: int
    partitions: int
    acks: str
    codec: str = "none"

    def __str__(self):
        codec = "" if self.codec == "none" else f", {self.codec}"
        return f"{self.record_bytes} B, {self.partitions} part., acks={self.acks}{codec}"

    def batch_bytes(self):
        # One request carries 64 KiB for one partition, 16 KiB each for many.
        return 65536 if self.partitions == 1 else 16384

    def depth(self, brokers=1):
        """Requests in flight on each connection: 2 MiB, or a sync would wait for the load."""
        of_one_leader = -(-min(self.partitions, 16) // brokers)
        return (2 << 20) // (self.batch_bytes() * of_one_leader)


def build_tools():
    macro = os.path.join(machine.ROOT, "benchmarks", "macro")
    load_folder = os.path.join(macro, "load")
    bare = os.path.join(machine.ROOT, "benchmarks", "baseline", "bare.cc")
    steady = os.path.join(macro, "librdkafka", "steady_producer.cc")
    java_folder = os.path.join(macro, "java")
    java = sorted(os.path.join(java_folder, name) for name in os.listdir(java_folder))
    sources = sorted(os.path.join(load_folder, name) for name in os.listdir(load_folder))
    return {
        "load": deps.cxx_program("load", sources, ["lz4"], optimize="-O2"),
        "bare": deps.cxx_program("bare", [bare], [], optimize="-O2"),
        "java": deps.java_classes("macro-java", java) + os.pathsep + deps.java_classpath(),
        "librdkafka": deps.cxx_program("steady_producer", [steady], ["rdkafka++", "rdkafka"]),
    }


class Meter:
    """Runs tools against a broker and reads the broker's CPU before and after."""

    def __init__(self, tools, data_dir):
        self._tools = tools
        self._data_dir = data_dir

    def path(self, tool):
        return self._tools[tool]

    def _run(self, command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-1500:]}")
        return done.stdout

    def load(self, broker, command, **options):
        return json.loads(self._run(self.load_command(broker, command, **options)))

    def load_command(self, broker, command, **options):
        words = [self._tools["load"], command, "--bootstrap", broker.bootstrap]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), str(value)]
        return words

    def bare(self, mode, folder=None, **options):
        words = [self._tools["bare"], mode, "--dir", folder or self._data_dir]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), str(value)]
        told = json.loads(self._run(words))
        gigabytes = told["bytes"] / 1e9
        return {
            "mb_s": told["bytes"] / 1e6 / told["seconds"],
            "user_s_gb": told["user_s"] / gigabytes,
            "system_s_gb": told["system_s"] / gigabytes,
        }

    def around(self, broker, body):
        """body() gives {"seconds", "bytes"}; adds rates and the broker's CPU per GB of them."""
        user, system = broker.cpu()
        told = body()
        user_after, system_after = broker.cpu()
        gigabytes = told["bytes"] / 1e9
        told["mb_s"] = told["bytes"] / 1e6 / told["seconds"]
        told["user_s_gb"] = (user_after - user) / gigabytes
        told["system_s_gb"] = (system_after - system) / gigabytes
        told["rss_mb"] = broker.rss_mb()
        return told

    def produce(self, broker, topic, case, size, brokers=1):
        return self.around(
            broker,
            lambda: self.load(
                broker,
                "produce",
                topic=topic,
                record_bytes=case.record_bytes,
                batch_bytes=case.batch_bytes(),
                codec=case.codec,
                acks=case.acks,
                bytes=size,
                connections=2,
                depth=case.depth(brokers),
            ),
        )

    def fetch(self, broker, topic, case, fetch_bytes, batch_bytes=None, readers=1):
        """Each reader reads all of the topic, with one fetch in flight."""

        def read(_):
            return self.load(
                broker,
                "fetch",
                topic=topic,
                record_bytes=case.record_bytes,
                batch_bytes=batch_bytes or case.batch_bytes(),
                codec=case.codec,
                fetch_bytes=fetch_bytes,
            )

        def body():
            with ThreadPoolExecutor(readers) as pool:
                told = list(pool.map(read, range(readers)))
            return {
                "seconds": max(reader["seconds"] for reader in told),
                "bytes": sum(reader["bytes"] for reader in told),
                "requests": sum(reader["requests"] for reader in told),
            }

        return self.around(broker, body)

    def producer_perf(self, broker, topic, case, records):
        """Kafka's own producer-perf tool, at full speed, with its default settings."""

        def body():
            out = self._run(
                [*JAVA_CLIENT, "-cp", self._tools["java"]]
                + ["org.apache.kafka.tools.ProducerPerformance", "--topic", topic]
                + ["--num-records", str(records), "--record-size", str(case.record_bytes)]
                + ["--throughput", "-1", "--bootstrap-server", broker.bootstrap]
                + ["--command-property", f"acks={case.acks}", f"compression.type={case.codec}"]
            )
            summary = out.strip().splitlines()[-1]
            rate = float(re.search(r"([\d.,]+) records/sec", summary)[1].replace(",", "."))
            p99 = float(re.search(r"([\d.]+) ms 99th", summary)[1])
            return {"seconds": records / rate, "bytes": records * case.record_bytes, "p99_ms": p99}

        return self.around(broker, body)

    def java_reader(self, broker, topic, partitions):
        def body():
            words = [*JAVA_CLIENT, "-cp", self._tools["java"], "AssignReader"]
            return json.loads(self._run([*words, broker.bootstrap, topic, str(partitions)]))

        return self.around(broker, body)

    def start_time(self, broker, topic, partitions=1):
        """Starts the broker's process; the time until its first acknowledged record."""
        since = time.monotonic_ns()
        broker.spawn()
        return self.load(broker, "first", topic=topic, partitions=partitions, since_ns=since)
