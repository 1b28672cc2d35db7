"""Produce throughput with three replicas, CPU of all brokers, and latency from producer to reader."""

import os
import tempfile

from driver import clusters, machine
from driver.contenders import VARIANTS
from driver.measure import Case

BROKERS = len(clusters.NODES)
WARM_UP_PARTITIONS = 6
LATENCY_PARTITIONS = 16
MIB = 1 << 20


def cases(quick):
    if quick:
        return [Case(1000, 16, "all")]
    return [Case(1000, 1, "all"), Case(1000, 16, "all"), Case(100, 16, "all"),
            Case(1000, 16, "all", "lz4")]  # fmt: skip


class Rates:
    def __init__(self, stage):
        self._stage = stage
        self._options, self._meter, self._keep = stage.options, stage.meter, stage.keep
        self._topics = 0
        self._folder = None

    def on_images(self):
        datas = self._stage.images()
        self._rounds("images", datas, self._stage.image_folder(), VARIANTS)

    def on_disk(self):
        """The three share one disk; Kafka beside what does sync."""
        with tempfile.TemporaryDirectory(prefix="strandline-disk-", dir=self._options.dir) as home:
            datas = {node: os.path.join(home, f"data-{node}") for node in clusters.NODES}
            variants = {name: VARIANTS[name] for name in ("kafka", "strandline")}
            self._rounds("disk", datas, home, variants)

    def _rounds(self, where, datas, folder, variants):
        self._folder = folder
        for number in range(self._options.rounds):
            self._baselines(where, folder, number)
            for name in self._stage.turns(number):
                mine = [(label, topic) for label, (who, topic) in variants.items() if who == name]
                with self._stage.cluster(name, datas) as cluster:
                    self._warm_up(cluster)
                    for case in cases(self._options.quick):
                        for label, configs in mine:
                            self._produce(where, cluster, label, configs, case, number)
                    for label, configs in mine:
                        self._latency(where, cluster, label, configs, number)

    def _baselines(self, where, folder, number):
        size = self._options.bytes
        for label, options in (("sink", {}), ("sink, sync each MiB", {"sync_every": MIB})):
            machine.recycle_pages(folder, 2 * size)
            told = self._meter.bare("sink", folder, bytes=size, **options)
            self._keep("bare", f"{label}, {where}", "bare", number, told)
        told = {"mb_s": machine.rate_of_disk(folder, size)}
        self._keep("bare", f"one file, synced once, {where}", "bare", number, told)

    def _warm_up(self, cluster):
        """Long enough for the JVMs' compilers; Strandline gets the same."""
        case = Case(1000, WARM_UP_PARTITIONS, "all")
        for topic, run in {
            "warm-up-rate": lambda topic: self._meter.produce(
                cluster, topic, case, self._options.warm_up_bytes, BROKERS
            ),
            "warm-up-latency": lambda topic: self._meter.load(
                cluster, "end-to-end", topic=topic, rate=500, seconds=3
            ),
        }.items():  # fmt: skip
            cluster.create(topic, WARM_UP_PARTITIONS)
            run(topic)
            cluster.delete(topic)

    def _with_topic(self, cluster, partitions, configs, body):
        """body(topic) on a topic of its own, which never had a namesake."""
        machine.recycle_pages(self._folder, 2 * self._options.bytes)
        self._topics += 1
        topic = f"run-{self._topics}"
        cluster.create(topic, partitions, configs)
        try:
            return body(topic)
        finally:
            cluster.delete(topic)

    def _produce(self, where, cluster, label, configs, case, number):
        told = self._with_topic(
            cluster, case.partitions, configs,
            lambda topic: self._meter.produce(cluster, topic, case, self._options.bytes, BROKERS),
        )  # fmt: skip
        self._keep("produce", f"{case}, {where}", label, number, told)

    def _latency(self, where, cluster, label, configs, number):
        rate, seconds = self._options.rate, self._options.latency_seconds
        told = self._with_topic(
            cluster, LATENCY_PARTITIONS, configs,
            lambda topic: self._meter.load(
                cluster, "end-to-end", topic=topic, rate=rate, seconds=seconds
            ),
        )  # fmt: skip
        case = f"{rate}/s of 1 KB, {LATENCY_PARTITIONS} part., {where}"
        self._keep("latency", case, label, number, told)
