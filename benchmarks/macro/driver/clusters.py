"""The two clusters of three brokers, each as its user would start it.

Brokers are those of tests/lib/rig, which can be killed, stopped and started one by one; Kafka's nodes
are broker and controller in one (KRaft combined mode) with default settings. `datas` gives the data
directory of each node, so that it can lie on a disk of its own.
"""

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from driver.contenders import KAFKA_JVM, cpu_of, resident_mb
from harness import deps
from rig import api
from rig.broker import Broker, StartFailed, free_port
from rig.cluster import Cluster
from rig.wire import Wire, until

NODES = (1, 2, 3)
KAFKA_PORTS, KAFKA_CONTROLLER_PORT = (9092, 9644), 9093  # on hosts of their own
START_SECONDS_MAX = 90
NOT_YET = (38, 39)  # INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT
IN_SYNC_SECONDS_MAX = 180
DESCRIBE_QUORUM = 55


class MeasuredCluster:
    """What both share: `brokers` are rig's by node, `home` is removed by clean()."""

    name = ""

    @property
    def bootstrap(self):
        return ",".join(broker.bootstrap for broker in self.brokers.values())

    def alive(self):
        return [broker for broker in self.brokers.values() if broker.alive()]

    def cpu(self):
        """(user, system) CPU seconds of all brokers so far."""
        spent = [cpu_of(broker.process.pid) for broker in self.alive()]
        return sum(user for user, _ in spent), sum(system for _, system in spent)

    def rss_mb(self):
        """Of the greatest of them."""
        return max(resident_mb(broker.process.pid) for broker in self.alive())

    def wire(self, node=None, timeout=60):
        broker = self.brokers[node] if node else self.alive()[0]
        return Wire(broker.port, host=broker.host, timeout=timeout)

    def create(self, topic, partitions, configs=None, replicas=len(NODES)):
        """Until every broker shows all replicas in sync. `replicas` may be lists of nodes."""
        configs = {"file.delete.delay.ms": "0", **(configs or {})}

        def asked():
            """The error; none while the controller does not know all brokers yet."""
            with self.wire() as wire:
                error = api.create_topic(wire, topic, partitions, replicas, **configs)
            return None if error in NOT_YET else (error,)

        answer = until(asked, START_SECONDS_MAX, 0.2)
        if answer != (0,):
            raise RuntimeError(f"CreateTopics({topic}) answered {answer}")
        self.await_in_sync([topic])

    def delete(self, topic):
        with self.wire() as wire:
            api.delete_topic(wire, topic)
        time.sleep(0.3)

    def placed(self, node, topic, timeout=5):
        """{partition: Led} as a broker tells it."""
        with self.wire(node, timeout) as wire:
            return api.leadership(wire, topic)

    def leader(self, topic, partition=0):
        """The leader that all living brokers agree on."""

        def agreed():
            found = set()
            for node, broker in self.brokers.items():
                if broker.alive():
                    led = self.placed(node, topic).get(partition)
                    found.add(led.leader if led else -1)
            return found.pop() if len(found) == 1 and -1 not in found else None

        leader = until(agreed, IN_SYNC_SECONDS_MAX)
        if leader is None:
            raise TimeoutError(f"brokers disagree on the leader of {topic}-{partition}")
        return leader

    def await_in_sync(self, topics, seconds=IN_SYNC_SECONDS_MAX):
        def in_sync():
            for node in self.brokers:
                for topic in topics:
                    try:
                        found = self.placed(node, topic)
                    except (OSError, AssertionError, struct.error):
                        return False
                    whole = all(led.leader > 0 and len(led.isr) == len(led.replicas)
                                for led in found.values())
                    if not found or not whole:
                        return False
            return True

        if not until(in_sync, seconds, 0.1):
            raise TimeoutError(f"{topics} are not in sync everywhere after {seconds} s")

    def prefer(self, topics):
        """Leaders go back to the first of their replicas, as far as these are in sync."""
        for topic in topics:
            with self.wire() as wire:
                api.elect_preferred(wire, topic, sorted(api.leadership(wire, topic)))

    def kill_node(self, node):
        """SIGKILL, and nothing that takes longer: the clock runs."""
        self.brokers[node].process.send_signal(signal.SIGKILL)
        self.brokers[node].process.wait()

    def restart_node(self, node):
        self.brokers[node].start(wait=False)
        self.await_serving(node)

    def log_tails(self):
        return "\n".join(f"--- broker {node}\n{broker.log_tail()}"
                         for node, broker in self.brokers.items() if broker.starts)

    def clean(self):
        """Ends all of them and removes what they wrote."""
        for broker in self.brokers.values():
            with contextlib.suppress(OSError):
                broker.kill()
            shutil.rmtree(broker.data, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)


class StrandlineCluster(MeasuredCluster, Cluster):
    name = "strandline"

    def __init__(self, path, datas=None, network=None, below=None):
        work = tempfile.mkdtemp(prefix="strandline-cluster-", dir=below)
        Cluster.__init__(self, path, len(NODES), (), work, datas, network)

    def await_safe_to_stop(self, node):
        def safe():
            with contextlib.suppress(OSError, ValueError):
                return self.get(node, f"/v1/brokers/{node}/safe-to-stop")["safe"]
            return False

        if not until(safe, IN_SYNC_SECONDS_MAX):
            raise TimeoutError(f"broker {node} is not safe to stop")


class KafkaNode(Broker):
    """One node in combined mode; its http port is the controller's listener."""

    def configure(self, node, voters, controller):
        self.properties = os.path.join(self.work, "server.properties")
        with open(self.properties, "w") as file:
            file.write(
                "process.roles=broker,controller\n"
                f"node.id={node}\n"
                f"controller.quorum.voters={voters}\n"
                f"listeners=PLAINTEXT://{self.bootstrap},CONTROLLER://{self.host}:{controller}\n"
                f"advertised.listeners=PLAINTEXT://{self.bootstrap}\n"
                "controller.listener.names=CONTROLLER\n"
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n"
                f"log.dirs={self.data}\n"
                # What is deleted lies there for a minute otherwise, and fills the images.
                "log.segment.delete.delay.ms=1000\n"
            )
        subprocess.run(
            ["java", "-cp", self.path, "kafka.tools.StorageTool", "format"]
            + ["-t", "4L6g3nShT-eMCtK--X86sw", "-c", self.properties],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip

    def command(self):
        return ["java", *KAFKA_JVM, "-cp", self.path, "kafka.Kafka", self.properties]


class KafkaCluster(MeasuredCluster):
    name = "kafka"

    def __init__(self, datas=None, network=None, below=None):
        self.work = tempfile.mkdtemp(prefix="kafka-cluster-", dir=below)
        hosts = {node: network.address(f"b{node}") if network else "127.0.0.1" for node in NODES}
        controllers = {node: KAFKA_CONTROLLER_PORT if network else free_port() for node in NODES}
        voters = ",".join(f"{node}@{hosts[node]}:{controllers[node]}" for node in NODES)
        self.brokers = {}
        for node in NODES:
            home = os.path.join(self.work, f"broker-{node}")
            os.makedirs(home)
            broker = KafkaNode(
                "/", (datas or {}).get(node, os.path.join(home, "data")), (), home,
                host=hosts[node], ports=KAFKA_PORTS if network else None,
                prefix=network.command(f"b{node}") if network else (),
            )  # fmt: skip
            broker.path = deps.java_classpath()  # a pattern, which no absolute path may be made of
            broker.configure(node, voters, controllers[node])
            self.brokers[node] = broker

    def start(self):
        for broker in self.brokers.values():
            broker.start(wait=False)
        for node in self.brokers:
            self.await_serving(node)

    def await_serving(self, node):
        """Answers, and tells of all the brokers that run."""
        broker = self.brokers[node]

        def serves():
            if not broker.alive():
                raise StartFailed(f"kafka {node} has ended\n{broker.log_tail()}")
            with contextlib.suppress(OSError, AssertionError, struct.error):
                with self.wire(node, timeout=2) as wire:
                    answer = wire.call(api.METADATA, 1, api.metadata_body([]))
                return answer.int32() >= len(self.alive())
            return False

        if not until(serves, START_SECONDS_MAX):
            raise StartFailed(f"kafka {node} does not serve\n{broker.log_tail()}")

    def controller(self):
        """DescribeQuorum v0: the leader of the metadata log."""
        name = b"\x13__cluster_metadata"
        body = b"\0\x02" + name + b"\x02" + struct.pack(">i", 0) + b"\0\0\0"
        with self.wire() as wire:
            answer = wire.call(DESCRIBE_QUORUM, 0, body)
        answer.int8()  # no tags
        error, topics = answer.int16(), answer.int8() - 1
        if error or topics != 1:
            raise RuntimeError(f"DescribeQuorum answered error {error}")
        answer.bytes(len(name))
        answer.int8()
        answer.int32()
        answer.int16()
        return answer.int32()

    def await_safe_to_stop(self, node):
        """Kafka has no such question; the caller waits for replicas in sync."""

    def stop(self):
        for broker in self.alive():
            broker.process.terminate()
        for broker in self.brokers.values():
            broker.stop()


def make(name, broker_path, **where):
    """A cluster by the name of its contender, not started yet."""
    return KafkaCluster(**where) if name == "kafka" else StrandlineCluster(broker_path, **where)
