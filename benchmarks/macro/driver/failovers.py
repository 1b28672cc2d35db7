"""What a client sees when a broker dies, falls silent, is cut off or is restarted in order.

Topics of one partition each, so that one is always led by somebody who does not decide, or by somebody
who does. A gap counts from the fault to the answer to the first write that began after the fault
and that somebody else than its victim acknowledged.
"""

import contextlib
import threading
import time

from driver import clusters, observers
from rig.network import Network

TOPICS = [f"gap-{n}" for n in range(6)]
GAP_SECONDS_MAX = 60
SETTLE_SECONDS = 1.0
ROLLING, ROLLING_PARTITIONS = "rolling", 3
APART_SECONDS = 5.0
CLIENT = "c1"
NS = 1_000_000


def statistics_of(gaps):
    """p99 is the nearest rank: of thirty, the greatest."""
    ordered = sorted(gaps)
    return {
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[-(-99 * len(ordered) // 100) - 1],
        "max_ms": ordered[-1],
        "faults": len(ordered),
    }


class Failovers:
    def __init__(self, stage):
        self._stage = stage
        self._options, self._meter = stage.options, stage.meter
        self.gaps = []  # of every fault, for the record

    def kills(self):
        self._faults("leader killed", False, self._kill, ("probe", "librdkafka", "java"))

    def stops(self):
        self._faults("leader stopped (SIGSTOP)", False, self._freeze, ("probe",))

    def controllers(self):
        self._faults("controller and leader killed", True, self._kill, ("probe",))
        self._faults("controller and leader stopped", True, self._freeze, ("probe",))

    def _count(self, name, kind):
        if kind != "probe":
            return self._options.client_kills
        return self._options.kills if name == "strandline" else self._options.kafka_kills

    def _faults(self, case, of_controller, fault, kinds):
        for name in self._stage.names():
            with self._stage.cluster(name, self._stage.images()) as cluster:
                self._topics(cluster)
                for kind in kinds:
                    gaps = []
                    for _ in range(self._count(name, kind)):
                        gaps.append(self._one_gap(cluster, kind, of_controller, fault))
                        self._stage.say(f"{case}: {name}, {kind}: {gaps[-1]:.0f} ms")
                    self._keep(case, name, kind, gaps)

    def _keep(self, case, name, kind, gaps):
        self.gaps.append({"case": case, "contender": name, "seen_by": kind, "gaps_ms": gaps})
        self._stage.keep("gap", f"{case}, {kind}", name, 0, statistics_of(gaps))

    @staticmethod
    def _topics(cluster):
        nodes = clusters.NODES
        for n, topic in enumerate(TOPICS):
            order = [nodes[(n + k) % len(nodes)] for k in range(len(nodes))]
            cluster.create(topic, 1, replicas=[order])

    def _one_gap(self, cluster, kind, of_controller, fault):
        controller = cluster.controller()
        led = {topic: cluster.leader(topic) for topic in TOPICS}
        fit = [topic for topic in TOPICS if (led[topic] == controller) == of_controller]
        if not fit:
            raise RuntimeError(f"controller {controller}, leaders {led}: nobody to be hurt")
        topic, victim = fit[0], led[fit[0]]
        observer = observers.KINDS[kind](self._meter, cluster, topic)
        try:
            observer.await_flow()
            began = time.monotonic_ns()
            undo = fault(cluster, victim)
            done = time.monotonic_ns()
            try:
                ack = observer.first_ack(
                    GAP_SECONDS_MAX, lambda ack: ack.begun >= done and ack.broker != victim
                )
            finally:
                undo()
        finally:
            observer.stop()
        cluster.await_in_sync(TOPICS)
        cluster.prefer(TOPICS)
        time.sleep(SETTLE_SECONDS)
        cluster.await_in_sync(TOPICS)
        return (ack.answered - began) / NS

    @staticmethod
    def _kill(cluster, node):
        cluster.kill_node(node)
        return lambda: cluster.restart_node(node)

    @staticmethod
    def _freeze(cluster, node):
        cluster.brokers[node].freeze()
        return cluster.brokers[node].thaw

    def rollings(self):
        """Each broker in turn is stopped in order and started again, under three kinds of clients."""
        for name in self._stage.names():
            with self._stage.cluster(name, self._stage.images()) as cluster:
                cluster.create(ROLLING, ROLLING_PARTITIONS)
                for number in range(self._options.rollings):
                    told = self._roll(cluster)
                    self._stage.keep("rolling", "three brokers in turn", name, number, told)

    def _roll(self, cluster):
        probes = [
            observers.probe(self._meter, cluster, ROLLING, n) for n in range(ROLLING_PARTITIONS)
        ]
        clients = [
            observers.librdkafka(self._meter, cluster, ROLLING, ROLLING_PARTITIONS),
            observers.java(self._meter, cluster, ROLLING, ROLLING_PARTITIONS),
        ]
        try:
            for observer in [*probes, *clients]:
                observer.await_flow()
            began = time.monotonic_ns()
            for node in clusters.NODES:
                cluster.await_safe_to_stop(node)
                cluster.brokers[node].stop(60)
                cluster.restart_node(node)
                cluster.await_in_sync([ROLLING])
                time.sleep(SETTLE_SECONDS)
            time.sleep(SETTLE_SECONDS)
            ended = time.monotonic_ns()
        finally:
            for observer in [*probes, *clients]:
                observer.stop()
        settled = ended - int(SETTLE_SECONDS * 1e9 / 2)  # what is on its way at the end is not late
        told = {
            "seconds": (ended - began) / 1e9,
            "unavailable_ms": max(each.longest_gap_ms(began, settled) for each in probes),
            "errors": sum(len(each.errors) for each in clients),
        }
        for client in clients:
            told[f"{client.name}_slowest_ms"] = client.slowest_ms(began, settled)
        return told

    def heals(self):
        """All brokers are cut off from each other, or the leader from the others; clients from none."""
        failure = []

        def body(network):
            try:
                network.enter(CLIENT)  # this thread, and all that it starts
                for name in self._stage.names():
                    self._heals_of(name, network)
            except Exception as error:  # told by the thread that waits
                failure.append(error)

        with Network([*(f"b{node}" for node in clusters.NODES), CLIENT]) as network:
            thread = threading.Thread(target=body, args=[network])
            thread.start()
            thread.join()
        if failure:
            raise failure[0]

    def _heals_of(self, name, network):
        hosts = [f"b{node}" for node in clusters.NODES]
        with self._stage.cluster(name, self._stage.images(), network) as cluster:
            self._topics(cluster)
            for case in ("all brokers apart", "leader apart from brokers"):
                gaps = []
                for _ in range(self._options.heals):
                    leader = f"b{cluster.leader(TOPICS[0])}"
                    apart = hosts if case.startswith("all") else [leader]
                    gaps.append(self._one_heal(cluster, network, hosts, apart))
                    self._stage.say(f"{case}: {name}: {gaps[-1]:.0f} ms")
                self._keep(f"{case}, healed", name, "probe", gaps)

    def _one_heal(self, cluster, network, hosts, apart):
        observer = observers.probe(self._meter, cluster, TOPICS[0])
        try:
            observer.await_flow()
            for one in apart:
                network.cut([one], [each for each in hosts if each > one or each not in apart])
            time.sleep(APART_SECONDS)
            healed = time.monotonic_ns()
            network.heal()
            ack = observer.first_ack(GAP_SECONDS_MAX, lambda ack: ack.answered >= healed)
        finally:
            with contextlib.suppress(RuntimeError):
                network.heal()
            observer.stop()
        cluster.await_in_sync(TOPICS)
        cluster.prefer(TOPICS)
        time.sleep(SETTLE_SECONDS)
        return (ack.answered - healed) / NS
