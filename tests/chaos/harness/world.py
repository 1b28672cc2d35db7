"""Three brokers that are one cluster, each on a host and a disk of its own, and their clients on a
fourth host."""

import contextlib
import glob
import os
import random
import re
import shutil
import struct
import subprocess
import threading
import time
import zlib

from harness.clients import PARTITIONS, TOPIC, Clients
from harness.history import Fault, History
from rig import api
from rig.batch import ServedWrong, parse
from rig.cluster import Cluster
from rig.disk import Disk, files_below
from rig.network import Network, sweep as sweep_network
from rig.wire import Wire, until

NODES = (1, 2, 3)
CLIENT = "c1"
HOME = "/tmp/strandline-chaos-"
DISK_MEBIBYTES = 192
SETTINGS = ["auto.create.topics.enable=false", "checkpoint.interval.ms=100",
            "disk.ballast.bytes=2MiB", "disk.watermark.refuse.bytes=16MiB",
            "disk.watermark.stop.bytes=4MiB", "memory.budget=128MiB", "scrub.interval.ms=1000",
            "scrub.bytes.per.second=64MiB"]
TOPIC_CONFIG = {"min_insync_replicas": 2, "segment_bytes": 262_144, "retention_ms": -1}
DISK_FAILED = 74  # the exit status of a broker whose disk refused a sync
HEAL_SECONDS_MAX = 45  # of two busy cores; what it takes is in the report

_LYING_SYNCS = "/usr/lib/*/libeatmydata.so.1"

now = time.monotonic


class World:
    """With `lying`, a sync does nothing: a mistake that must be found."""

    def __init__(self, path, client, seed, lying=False):
        self.home = f"{HOME}{os.getpid()}"
        self.path, self.client, self.seed = path, client, seed
        self.history = History()
        self._lying = lying
        self.prng = random.Random(f"{seed}/nemesis")
        self.kind = None
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        os.makedirs(self.home)
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        enter = self._stack.enter_context
        self.network = enter(Network([*[f"b{node}" for node in NODES], CLIENT]))
        self.network.enter(CLIENT)
        self.disks = {node: enter(Disk(DISK_MEBIBYTES, self.home)) for node in NODES}
        self.cluster = Cluster(self.path, len(NODES), SETTINGS, self.home,
                               {node: disk.data for node, disk in self.disks.items()}, self.network)
        self._stack.callback(self._end_brokers)
        if self._lying:
            for broker in self.cluster.brokers.values():
                broker.prefix += ["env", f"LD_PRELOAD={glob.glob(_LYING_SYNCS)[0]}"]
        self.cluster.start()
        self._create_topic()
        self.clients = Clients(self.cluster, self.history, self.seed, self.client)
        self._stack.callback(self.clients.kill)
        self.observer = Observer(self.cluster, self.history)

    def __exit__(self, *_):
        try:
            self._stack.close()
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    def _end_brokers(self):
        for disk in self.disks.values():
            with contextlib.suppress(RuntimeError):
                disk.thaw()
        self.cluster.kill()

    def _create_topic(self):
        def made():
            try:
                with Wire(self.cluster[1].port, host=self.cluster[1].host) as wire:
                    return api.create_topic(wire, TOPIC, PARTITIONS, replicas=len(NODES),
                                            **TOPIC_CONFIG) in (0, api.TOPIC_ALREADY_EXISTS)
            except OSError:
                return False

        if not until(made, 20, 0.2):
            raise TimeoutError("the topic could not be created in 20 s")

    # What faults ask for and do

    now = staticmethod(time.monotonic)

    def note(self, text):
        self.history.faults.append(Fault(now(), self.kind, "note", text))

    def hold(self, shortest, longest):
        time.sleep(self.prng.uniform(shortest, longest))

    def offered(self):
        """The requests that every broker knows."""
        known = []
        for node in NODES:
            with Wire(self.cluster[node].port, host=self.cluster[node].host) as wire:
                known.append(api.offered(wire))
        return set.intersection(*known)

    def alive(self):
        return [node for node in NODES if self.cluster[node].alive()]

    def leadership(self):
        """{partition: Led}, of each the newest that any broker tells."""
        newest = {}
        for node in self.alive():
            with contextlib.suppress(OSError, AssertionError):
                broker = self.cluster[node]
                with Wire(broker.port, timeout=1, host=broker.host) as wire:
                    for partition, led in api.leadership(wire, TOPIC).items():
                        if led.leader_epoch >= newest.get(partition, led).leader_epoch:
                            newest[partition] = led
        return newest

    def leader(self):
        """Of one of the partitions."""
        led = [each.leader for each in self.leadership().values() if each.leader in NODES]
        return self.prng.choice(sorted(led)) if led else self.prng.choice(NODES)

    def follower(self):
        """A broker that leads as little as any."""
        led = [each.leader for each in self.leadership().values()]
        return min(self.alive() or NODES, key=lambda node: (led.count(node), self.prng.random()))

    def controller(self):
        try:
            return self.cluster.controller(10)
        except TimeoutError:
            return self.prng.choice(NODES)

    def others(self, node):
        return [each for each in NODES if each != node]

    def start(self, *nodes):
        """Starts brokers, and waits for none of them: settle() does."""
        for node in nodes:
            self.cluster[node].start(wait=False)

    def kill(self, *nodes):
        """As near to at once as can be: first the signals, then the waiting."""
        for node in nodes:
            if self.cluster[node].alive():
                self.cluster[node].process.kill()
        for node in nodes:
            self.cluster[node].kill()

    def await_gone(self, node, seconds=10):
        """Until no ISR has it."""
        def gone():
            led = self.leadership()
            return len(led) == PARTITIONS and all(node not in each.isr for each in led.values())

        return until(gone, seconds, 0.1)

    def restart_ended(self):
        """As a supervisor does it. A broker may end by itself when its disk fails, and only then."""
        for node, broker in self.cluster.brokers.items():
            status = broker.process.poll()
            if status is None:
                continue
            self.note(f"broker {node} has ended by itself with status {status}")
            if status != DISK_FAILED:
                self.history.finding("I22", f"broker {node} ended by itself with status {status}:\n"
                                     f"{broker.log_tail(8)}")
            self.start(node)

    def ask_for_topics(self):
        """Takes down which topics each broker knows."""
        for node in self.alive():
            with contextlib.suppress(OSError, AssertionError):
                with Wire(self.cluster[node].port, host=self.cluster[node].host) as wire:
                    self.history.topics[node] = set(api.metadata(wire))

    def differences(self):
        """Stops all brokers and compares the logs of their replicas, batch by batch; in words."""
        self.cluster.stop()
        problems = []
        for partition in range(PARTITIONS):
            logs = {node: _batches(disk, partition) for node, disk in self.disks.items()}
            ends = {node: max((last for last, _ in log.values()), default=-1)
                    for node, log in logs.items()}
            if len(set(ends.values())) > 1:
                problems.append(f"partition {partition}: the last offsets of its replicas are {ends}")
            for base in sorted(set().union(*logs.values())):
                held = {node: log[base][1] for node, log in logs.items() if base in log}
                if len(held) < len(NODES) or len(set(held.values())) > 1:
                    problems.append(f"partition {partition}: the batch of base offset {base} has the "
                                    f"checksums {held} by broker")
                    break
        return problems

    def write_back(self):
        """Brings to the disks what the page cache has."""
        for disk in self.disks.values():
            subprocess.run(["sync", "-f", disk.mount], check=True)

    # Healing

    def settle(self, seconds=HEAL_SECONDS_MAX):
        """Waits until all is well: every broker serves, every replica is in sync as each broker sees
        it, every partition acknowledges what is sent from now on. The seconds that took; a
        finding when it takes too long."""
        began = now()
        self.restart_ended()
        ends = self._acked_ends()
        for problem in (self._not_serving, self._not_in_sync, lambda: self._not_read(ends)):
            what = self._until_none(problem, began + seconds)
            if what:
                self._no_recovery(began, what)
                return now() - began
        acks_from = now()
        what = self._until_none(lambda: self._silent(acks_from), began + seconds)
        if what:
            self._no_recovery(began, what)
        return now() - began

    def _no_recovery(self, began, what):
        self.history.finding("I22", f"{now() - began:.0f} s after {self.kind} had ended: {what}")
        for node in NODES:  # for whoever looks into it
            try:
                quorum = self.cluster.get(node, "/v1/quorum", 2)
            except (OSError, ValueError) as error:
                quorum = error
            print(f"# broker {node} on the quorum: {quorum}", flush=True)

    def _until_none(self, problem, deadline):
        while True:
            what = problem()
            if not what or now() > deadline:
                return what
            time.sleep(0.1)

    def _not_serving(self):
        for node in NODES:
            broker = self.cluster[node]
            if not broker.alive():
                status = broker.process.returncode
                return f"broker {node} has ended with status {status}:\n{broker.log_tail(5)}"
            if not self.cluster.ready(node):
                return f"broker {node} does not serve"
        return ""

    def _not_in_sync(self):
        for node in NODES:
            broker = self.cluster[node]
            try:
                with Wire(broker.port, timeout=2, host=broker.host) as wire:
                    led = api.leadership(wire, TOPIC)
            except (OSError, AssertionError) as error:
                return f"broker {node} does not tell of the topic: {error}"
            if len(led) != PARTITIONS:
                return f"broker {node} knows {len(led)} partitions"
            for partition, each in sorted(led.items()):
                if len(each.isr) != len(NODES):
                    return (f"partition {partition}, as broker {node} knows it, has the leader "
                            f"{each.leader} in epoch {each.leader_epoch} and the ISR {each.isr}")
        return ""

    def _acked_ends(self):
        ends = {}
        for ack in self.history.acks:
            if ack.offset is not None:
                ends[ack.partition] = max(ends.get(ack.partition, 0), ack.offset + 1)
        return ends

    def _not_read(self, ends):
        places = self.clients.places()
        behind = [f"{name} is at {places[name, partition]} of partition {partition}"
                  for name, partition in sorted(places)
                  if places[name, partition] < ends.get(partition, 0)]
        return behind and f"{'; '.join(behind)}, which has acknowledged records up to {ends}"

    def _silent(self, since):
        """Producers' partitions without an acknowledgement of what was sent since."""
        heard = set()
        for ack in reversed(self.history.acks):
            if ack.ended < since:
                break
            if ack.began >= since:
                heard.add((ack.producer, ack.partition))
        silent = sorted(set(self.clients.producing()) - heard)
        return silent and f"no acknowledgement for (producer, partition) {silent}"


class Observer:
    """Looks at who leads, from time to time, for the report and the checker."""

    def __init__(self, cluster, history, pause=0.4):
        self._cluster, self._history, self._pause = cluster, history, pause
        self._stop = threading.Event()
        self._known = {}
        self._controller = None
        self._thread = threading.Thread(target=self._work, name="observer", daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join(10)

    def _work(self):
        turn = 0
        while not self._stop.wait(self._pause):
            turn += 1
            node = NODES[turn % len(NODES)]
            broker = self._cluster[node]
            if not broker.alive():
                continue
            with contextlib.suppress(OSError, AssertionError, ValueError, KeyError):
                with Wire(broker.port, timeout=0.5, host=broker.host) as wire:
                    self._see(api.leadership(wire, TOPIC))
                quorum = self._cluster.get(node, "/v1/quorum", 0.5)
                if quorum["leader"] != self._controller and not quorum["uncertain"]:
                    self._controller = quorum["leader"]
                    self._history.controllers.append((now(), self._controller))

    def _see(self, led):
        for partition, each in led.items():
            seen = (each.leader_epoch, each.leader, each.isr)
            known = self._known.get(partition, (-1, None, None))
            if seen != known and each.leader_epoch >= known[0]:
                self._known[partition] = seen
                self._history.leaders.append((now(), partition, each.leader, each.leader_epoch,
                                              each.isr))


def _batches(disk, partition):
    """{base offset: (last offset, checksum over all of the batch)} of the log files of a replica; a
    batch that is damaged has the reason in place of the checksum."""
    found = {}
    for path in files_below(os.path.join(disk.data, f"{TOPIC}-{partition}"), ".log"):
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        while at + 12 <= len(data):
            base, length = struct.unpack_from(">qi", data, at)
            raw = data[at:at + 12 + max(length, 0)]
            at += len(raw)
            try:
                found[base] = (parse(raw)[0].last_offset, zlib.crc32(raw))
            except ServedWrong as wrong:
                found[base] = (base, f"{os.path.basename(path)}: {wrong}")
                break
    return found


def sweep():
    """Ends and removes what harnesses that died have left: processes by the directory they serve,
    mounts, directories, namespaces."""
    for name in os.listdir("/tmp"):
        left = re.fullmatch(r"strandline-chaos-(\d+)", name)
        if left is None or os.path.exists(f"/proc/{left[1]}"):
            continue
        home = f"/tmp/{name}/"
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as command:
                    if home.encode() in command.read() and int(pid) != os.getpid():
                        os.kill(int(pid), 9)
        with open("/proc/mounts") as mounts:
            places = [line.split()[1] for line in mounts if line.split()[1].startswith(home)]
        for place in reversed(places):
            subprocess.run(["fsfreeze", "-u", place], capture_output=True, check=False)
            until(lambda p=place: subprocess.run(["umount", p], capture_output=True,
                                                 check=False).returncode == 0, 5, 0.1)
        shutil.rmtree(home, ignore_errors=True)
    sweep_network()
