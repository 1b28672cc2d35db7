"""What is asked of a cluster, held against what was measured; how its figures are shown."""

from driver import report

# Of a rolling restart and a healed partition, as of everything: what a client sees.
GAP_LIMITS = {
    "leader killed, probe": {"p50_ms": 150, "p99_ms": 300, "max_ms": 1000},
    "controller and leader killed, probe": {"max_ms": 1000},
    "leader stopped (SIGSTOP), probe": {"max_ms": 1000},
    "controller and leader stopped, probe": {"max_ms": 1000},
    "all brokers apart, healed, probe": {"max_ms": 500},
    "leader apart from brokers, healed, probe": {"max_ms": 500},
}

SYNCED_TIMES_KAFKA = 1.5
SHARE_OF_A_THIRD_OF_THE_DISK = 0.8
DISK_RATE = ("bare", "one file, synced once, disk")


class Targets(report.Targets):
    def _one(self, key):
        phase, case = key
        judge = {
            "produce": self._rate, "latency": self._end_to_end, "gap": self._gap,
            "rolling": self._rolling, "many": self._many, "steady": self._steady,
        }.get(phase)  # fmt: skip
        if judge:
            judge(key, case)

    def _rate(self, key, case):
        ours, kafka = (self._median(key, name, "mb_s") for name in ("strandline", "kafka"))
        if ours is None or kafka is None:
            return
        wanted = SYNCED_TIMES_KAFKA * kafka
        claim = f"synced rate beside Kafka's unsynced, {case}"
        if case.endswith("disk"):
            disk = self._median(DISK_RATE, "bare", "mb_s")
            if disk is None:
                return
            wanted = min(wanted, SHARE_OF_A_THIRD_OF_THE_DISK * disk / 3)
            claim += f" and a third of the disk's {disk:.0f} MB/s"
        self.rows.append((claim, f"{ours:.0f} MB/s", f"≥ {wanted:.0f} MB/s", ours >= wanted))

    def _end_to_end(self, key, case):
        ours, kafka = (self._median(key, name, "p99_ms") for name in ("strandline", "kafka"))
        self._ratio(f"end-to-end p99, {case}", ours, kafka, 0.5, at_most=True)

    def _gap(self, key, case):
        for metric, wanted in GAP_LIMITS.get(case, {}).items():
            measured = self._median(key, "strandline", metric)
            self._limit(f"{metric[:-3]} of the gap, {case}", measured, wanted, "ms")

    def _rolling(self, key, case):
        ours = lambda metric: self._greatest(key, metric)  # noqa: E731
        self._limit("rolling restart: errors that clients saw", ours("errors"), 0, "")
        self._limit("rolling restart: a partition unavailable", ours("unavailable_ms"), 300, "ms")

    def _many(self, key, case):
        ours = lambda metric: self._greatest(key, metric)  # noqa: E731
        self._limit("10,000 replicas: a third taken over", ours("written_ms"), 2000, "ms")
        self._limit("10,000 replicas: idle CPU of a broker", ours("idle_cpu_percent"), 2, "%")
        self._limit("10,000 replicas: RSS of a broker", ours("rss_mb"), 250, "MB")

    def _steady(self, key, case):
        for metric in ("failovers", "controllers", "load_failed"):
            self._limit(f"{metric}, {case}", self._greatest(key, metric), 0, "")

    def _greatest(self, key, metric):
        entry = self._summary.get(key, {}).get("strandline", {}).get(metric)
        return entry["greatest"] if entry else None


METRICS = {
    "bare": ["mb_s"],
    "produce": ["mb_s", "user_s_gb", "system_s_gb", "rss_mb"],
    "latency": ["p50_ms", "p99_ms", "max_ms", "ack_p50_ms", "ack_p99_ms"],
    "gap": ["p50_ms", "p99_ms", "max_ms", "faults"],
    "rolling": ["unavailable_ms", "errors", "librdkafka_slowest_ms", "java_slowest_ms", "seconds"],
    "many": ["seconds", "idle_cpu_percent", "rss_mb", "partitions", "led_ms", "written_ms",
             "in_sync_seconds"],
    "steady": ["failovers", "controllers", "isr_changes", "looks"],
}  # fmt: skip

TITLES = {
    "bare": "The disks by themselves",
    "produce": "Produce, three replicas, acks=all; CPU of all brokers",
    "latency": "From producer to reader at a fixed rate",
    "gap": "From a fault to the next acknowledged write",
    "rolling": "A rolling restart",
    "many": "10,000 partition replicas a broker",
    "steady": "Nobody dies: changes seen",
}

PANELS = (
    ("produce", "Produce, three replicas, MB/s", "mb_s"),
    ("latency", "From producer to reader, p99, ms", "p99_ms"),
    ("gap", "From a fault to the next acknowledged write, p50, ms", "p50_ms"),
    ("rolling", "Rolling restart, a partition unavailable, ms", "unavailable_ms"),
)
