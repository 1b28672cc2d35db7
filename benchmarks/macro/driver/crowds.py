"""Ten thousand partition replicas on each broker, and an hour in which nobody may be taken for dead."""

import os
import struct
import subprocess
import sys
import time

from driver.contenders import cpu_of, resident_mb

MANY_TOPICS, MANY_PARTITIONS = 10, 1000
IDLE_SECONDS = 30
QUIET_SECONDS = 20  # after which whatever creation left behind is done
STEADY, STEADY_PARTITIONS = "steady", 6
STEADY_RATE = 100
LOOK_SECONDS = 0.25
BURNERS = 2  # each keeps one core busy


class Crowds:
    def __init__(self, stage):
        self._stage = stage
        self._options, self._meter = stage.options, stage.meter
        self.changes = []  # leaders that changed though nobody died

    def many(self):
        """Kafka's start is not measured with as many unless it is named: what is asked is ours."""
        named = "kafka" in self._options.only
        for name in self._stage.names() if named else ["strandline"]:
            with self._stage.cluster(name, self._stage.images()) as cluster:
                topics = [f"many-{n}" for n in range(MANY_TOPICS)]
                began = time.monotonic()
                for topic in topics:
                    cluster.create(topic, MANY_PARTITIONS)
                told = {"seconds": time.monotonic() - began}
                self._stage.keep("many", "created", name, 0, told)
                time.sleep(QUIET_SECONDS)
                self._stage.keep("many", "idle", name, 0, self._idle(cluster))
                for number in range(self._options.takeovers):
                    told = self._take_over(cluster, topics)
                    self._stage.keep("many", "a broker killed", name, number, told)

    @staticmethod
    def _idle(cluster):
        """Of the broker that takes most."""
        pids = [broker.process.pid for broker in cluster.alive()]
        before = {pid: sum(cpu_of(pid)) for pid in pids}
        time.sleep(IDLE_SECONDS)
        spent = [sum(cpu_of(pid)) - before[pid] for pid in pids]
        return {
            "idle_cpu_percent": 100 * max(spent) / IDLE_SECONDS,
            "rss_mb": max(resident_mb(pid) for pid in pids),
        }

    def _take_over(self, cluster, topics):
        """A broker dies that does not decide: the time until all that it led takes records again."""
        controller = cluster.controller()
        victim = next(node for node in cluster.brokers if node != controller)
        file = os.path.join(cluster.work, "led")
        options = {"topic": "many", "topics": len(topics), "lost": victim}
        self._run("takeover", cluster, list=file, **options)
        began = time.monotonic_ns()
        cluster.kill_node(victim)
        survivors = Survivors(cluster)
        told = self._meter.load(survivors, "takeover", before=file, since_ns=began, **options)
        cluster.restart_node(victim)
        began = time.monotonic()
        cluster.await_in_sync(topics, 600)
        told["in_sync_seconds"] = time.monotonic() - began
        cluster.prefer(topics)
        time.sleep(QUIET_SECONDS)
        return told

    def _run(self, command, cluster, **options):
        subprocess.run(self._meter.load_command(cluster, command, **options), check=True)

    def steady(self):
        """A paced load and two busy loops: any change of a leader or of the controller is a false one."""
        for name in self._stage.names():
            with self._stage.cluster(name, self._stage.images()) as cluster:
                cluster.create(STEADY, STEADY_PARTITIONS)
                time.sleep(QUIET_SECONDS)
                helpers = [self._burner() for _ in range(BURNERS)]
                seconds = int(self._options.minutes * 60)
                command = self._meter.load_command(
                    cluster, "end-to-end", topic=STEADY, rate=STEADY_RATE, seconds=seconds
                )
                load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                try:
                    told = self._watch(cluster, seconds)
                    load.communicate(timeout=120)
                finally:
                    for helper in [*helpers, load]:
                        helper.kill()
                        helper.wait()
                told["load_failed"] = int(load.returncode != 0)
                case = f"{self._options.minutes:g} minutes at 200 % CPU"
                self._stage.keep("steady", case, name, 0, told)

    @staticmethod
    def _burner():
        return subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def _watch(self, cluster, seconds):
        seen = {"failovers": 0, "controllers": 0, "isr_changes": 0}
        before = None
        deadline = time.monotonic() + seconds
        looks = 0
        while time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            try:
                led = cluster.placed(1, STEADY)
                now = {n: (one.leader, one.leader_epoch, sorted(one.isr)) for n, one in led.items()}
                now["controller"] = cluster.controller()
            except (OSError, AssertionError, TimeoutError, struct.error):
                continue  # the machine is as busy as can be
            looks += 1
            if before is not None and now != before:
                self._tell(cluster, before, now, seen)
            before = now
        return {**seen, "looks": looks}

    def _tell(self, cluster, before, now, seen):
        for key, value in now.items():
            if value == before.get(key):
                continue
            if key == "controller":
                kind = "controllers"
            else:
                kind = "failovers" if value[:2] != before[key][:2] else "isr_changes"
            seen[kind] += 1
            change = f"{cluster.name}: {key}: {before.get(key)} became {value}"
            self.changes.append(change)
            self._stage.say(change)


class Survivors:
    """Those that live, as the load generator is told of them."""

    def __init__(self, cluster):
        self.bootstrap = ",".join(broker.bootstrap for broker in cluster.alive())
