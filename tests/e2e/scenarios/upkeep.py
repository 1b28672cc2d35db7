"""What a cluster does beside its work: moves replicas no faster than it may, clears up what nobody asks
for any more, and finds damage before a reader does."""

import os
import shutil
import time

from rig import api
from rig.batch import batch
from rig.cluster import Cluster, until
from rig.wire import Wire

MOVE_SECONDS = 30
SETTINGS = ("scrub.interval.ms=500", "scrub.bytes.per.second=100000000")
RATES = ("leader.replication.throttled.rate", "follower.replication.throttled.rate")
REPLICAS = ("leader.replication.throttled.replicas", "follower.replication.throttled.replicas")


def _fill(cluster, topic, batches, value_bytes=50_000):
    leader = cluster.placed(topic).leader
    with Wire(cluster[leader].port) as wire:
        for i in range(batches):
            made = api.produce(wire, topic, batch([b"%06d" % i + b"." * value_bytes]))
            assert made.error == 0, made


def _end(cluster, node, topic):
    """The log end of a replica, or -1 where there is none."""
    for one in cluster.get(node, f"/v1/topics/{topic}").get("partitions", []):
        if one["partition"] == 0:
            return one["log_end_offset"]
    return -1


def _moved(cluster, topic, replicas):
    return sorted(cluster.placed(topic).replicas) == sorted(replicas)


def _set_rates(cluster, rate):
    """As Kafka's tool does: for each broker that takes part. None removes them."""
    with Wire(cluster[1].port) as wire:
        return [api.alter_configs(wire, api.BROKER, str(node), dict.fromkeys(RATES, rate))
                for node in cluster.brokers]


def _throttle(tally, cluster):
    with Wire(cluster[1].port) as wire:
        for topic in ("slow", "quick"):
            made = api.create_topic(wire, topic, replicas=[[1, 2]], min_insync_replicas=1)
            assert made == 0, made
    _fill(cluster, "slow", 80)  # 4 MB
    _fill(cluster, "quick", 80)
    with Wire(cluster[1].port) as wire:
        wrong = api.alter_configs(wire, api.TOPIC, "slow", {REPLICAS[0]: "0:one"})
        set_topic = api.alter_configs(wire, api.TOPIC, "slow",
                                      {REPLICAS[0]: "0:1,0:2", REPLICAS[1]: "0:3"})
    tally.check("upkeep: throttled replicas that are no pairs are refused", wrong == 40, wrong)
    rates = _set_rates(cluster, "100000")
    tally.check("upkeep: a throttle is set as Kafka's reassignment tool sets it",
                set_topic == 0 and rates == [0, 0, 0], (set_topic, rates))
    with Wire(cluster[1].port) as wire:
        began = time.monotonic()
        moving = [api.reassign(wire, "slow", {0: [1, 3]}), api.reassign(wire, "quick", {0: [1, 3]})]
    tally.check("upkeep: a topic that is not throttled moves past one that is",
                moving == [0, 0] and until(lambda: _moved(cluster, "quick", [1, 3]), MOVE_SECONDS),
                moving)
    took = []
    with Wire(cluster[cluster.placed("slow").leader].port) as wire:
        for _ in range(10):
            before = time.monotonic()
            made = api.produce(wire, "slow", batch([b"meanwhile"]))
            took.append(time.monotonic() - before)
            assert made.error == 0, made
    tally.check("upkeep: producers of a throttled topic wait for its replicas in sync alone",
                sorted(took)[5] < 0.5, took)
    until(lambda: _end(cluster, 3, "slow") > 10, MOVE_SECONDS)
    passed, end = time.monotonic() - began, _end(cluster, 3, "slow")
    # A quarter of a second is saved up, and a piece may be a batch longer than allowed.
    bytes_most = 100_000 * (passed + 0.25) + 300_000
    tally.check("upkeep: a throttled replica catches up, and no faster than it may",
                10 < end and end * 50_000 <= bytes_most and not _moved(cluster, "slow", [1, 3]),
                (end, passed))
    removed = _set_rates(cluster, None)
    began = time.monotonic()
    tally.check("upkeep: without the rate it is done soon",
                removed == [0, 0, 0] and until(lambda: _moved(cluster, "slow", [1, 3]), MOVE_SECONDS),
                (removed, _end(cluster, 3, "slow")))
    print(f"# upkeep: moved {time.monotonic() - began:.2f} s after the throttle ended", flush=True)
    with Wire(cluster[1].port) as wire:
        cleared = api.alter_configs(wire, api.TOPIC, "slow", dict.fromkeys(REPLICAS))
        unknown = api.alter_configs(wire, api.BROKER, "1",
                                    {"replica.alter.log.dirs.io.max.bytes.per.second": None})
    tally.check("upkeep: a throttle is cleared as Kafka's tool clears it", (cleared, unknown) == (0, 0),
                (cleared, unknown))


# --- directories of nobody


def _directories(cluster, node, part):
    return [name for name in os.listdir(cluster[node].data) if part in name]


def _keep_strays(cluster, ms):
    with Wire(cluster[1].port) as wire:
        assert api.alter_configs(wire, api.BROKER, "", {"stray.keep.ms": ms}) == 0


def _in_sync(cluster, topic, count, seconds=MOVE_SECONDS):
    return until(lambda: len(cluster.placed(topic).isr) == count, seconds)


def _strays(tally, cluster):
    _keep_strays(cluster, "3600000")
    with Wire(cluster[1].port) as wire:
        for topic in ("deleted", "moved"):
            made = api.create_topic(wire, topic, replicas=[[1, 3]], min_insync_replicas=1)
            assert made == 0, made
    for topic in ("deleted", "moved"):
        _fill(cluster, topic, 4)
        assert _in_sync(cluster, topic, 2)
    cluster[3].stop()
    with Wire(cluster[1].port) as wire:
        done = [api.delete_topic(wire, "deleted"), api.reassign(wire, "moved", {0: [1, 2]})]
    tally.check("upkeep: while a broker is down a topic of its is deleted, and another moved away",
                done == [0, 0] and until(lambda: _moved(cluster, "moved", [1, 2]), MOVE_SECONDS), done)
    cluster[2].kill()
    cluster.start([3])
    tally.check("upkeep: both directories are put aside when it starts",
                until(lambda: len(_directories(cluster, 3, "-stray")) == 2, MOVE_SECONDS)
                and not _directories(cluster, 3, "deleted-0") and not _directories(cluster, 3, "moved-0"),
                os.listdir(cluster[3].data))
    strays = _directories(cluster, 3, "-stray")
    named = {f'directory="{name}"' for name in strays}
    tally.check("upkeep: and named on the metrics page, with what they take up",
                until(lambda: {label for label, value in cluster.metrics(
                    3, "strandline_stray_bytes").items() if value > 200_000} == named, MOVE_SECONDS),
                cluster.metrics(3, "strandline_stray_bytes"))
    log = cluster[3].log_since_start()
    tally.check("upkeep: and in the log", all(f"kept_as={name}" in log for name in strays), log[-2000:])
    _keep_strays(cluster, "0")
    tally.check("upkeep: when the time is over, that of the deleted topic goes",
                until(lambda: len(_directories(cluster, 3, "-stray")) == 1, MOVE_SECONDS), strays)
    tally.check("upkeep: that of the moved one stays while not all its replicas are in sync",
                until(lambda: "kept beyond its time" in cluster[3].log_since_start(), MOVE_SECONDS)
                and len(_directories(cluster, 3, "-stray")) == 1)
    cluster.start([2])
    tally.check("upkeep: and goes once they are",
                until(lambda: not _directories(cluster, 3, "-stray"), MOVE_SECONDS)
                and len(cluster.placed("moved").isr) == 2, cluster.placed("moved"))


# --- damage that nobody reads


def _segments(cluster, node, topic):
    """What the sealed segments of a replica hold, by name."""
    home = os.path.join(cluster[node].data, f"{topic}-0")
    found = {}
    for name in sorted(name for name in os.listdir(home) if name.endswith(".log"))[:-1]:
        with open(os.path.join(home, name), "rb") as segment:
            found[name] = segment.read()
    return found


def _flip_a_bit(cluster, node, topic):
    home = os.path.join(cluster[node].data, f"{topic}-0")
    name = sorted(name for name in os.listdir(home) if name.endswith(".log"))[1]
    with open(os.path.join(home, name), "r+b") as segment:
        segment.seek(70_000)
        byte = segment.read(1)[0]
        segment.seek(70_000)
        segment.write(bytes([byte ^ 4]))
        os.fsync(segment.fileno())


def _total(cluster, name):
    return sum(sum(cluster.metrics(node, name).values()) for node in cluster.brokers)


def _scrub(tally, cluster):
    with Wire(cluster[1].port) as wire:
        made = api.create_topic(wire, "scrubbed", replicas=[[1, 2, 3]], segment_bytes=1 << 20)
    assert made == 0, made
    _fill(cluster, "scrubbed", 80)
    assert _in_sync(cluster, "scrubbed", 3)
    whole = _segments(cluster, 1, "scrubbed")
    compared = _total(cluster, "strandline_scrub_compared_total")
    tally.check("upkeep: replicas compare their sealed segments",
                len(whole) > 2
                and until(lambda: _total(cluster, "strandline_scrub_compared_total") > compared + 10,
                          MOVE_SECONDS), len(whole))
    for role in ("follower", "leader"):
        leader = cluster.placed("scrubbed").leader
        node = leader if role == "leader" else next(n for n in cluster.brokers if n != leader)
        damaged = cluster.metrics(node, "strandline_scrub_damaged_total")[""]
        kept = len(_directories(cluster, node, "-damaged-"))
        began = time.monotonic()
        _flip_a_bit(cluster, node, "scrubbed")
        found = until(lambda: cluster.metrics(node, "strandline_scrub_damaged_total")[""] > damaged,
                      MOVE_SECONDS)
        tally.check(f"upkeep: a flipped bit of a sealed segment is found at the {role}", found,
                    cluster[node].log_tail())
        mended = until(lambda: len(_directories(cluster, node, "-damaged-")) > kept
                       and len(cluster.placed("scrubbed").isr) == 3
                       and _segments(cluster, node, "scrubbed") == whole, MOVE_SECONDS)
        tally.check("upkeep: and mended from the others; what was damaged is kept", mended,
                    (cluster.placed("scrubbed"), cluster[node].log_tail()))
        print(f"# upkeep: damage at the {role} mended after {time.monotonic() - began:.2f} s", flush=True)
    differences = _total(cluster, "strandline_scrub_differences_total")
    tally.check("upkeep: all replicas are the same again, without a reader having been there",
                all(_segments(cluster, node, "scrubbed") == whole for node in cluster.brokers)
                and differences == 0, differences)


def run(tally, options):
    cluster = Cluster(options.broker, settings=SETTINGS)
    try:
        cluster.start()
        _throttle(tally, cluster)
        _strays(tally, cluster)
        _scrub(tally, cluster)
    except Exception:
        for node, broker in cluster.brokers.items():
            print(f"--- broker {node}\n{broker.log_tail()}", flush=True)
        raise
    finally:
        cluster.kill()
        if not options.keep:
            shutil.rmtree(cluster.work, ignore_errors=True)
