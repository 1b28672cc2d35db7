"""Three brokers that are one cluster: founded, hurt, and looked at from outside."""

import os
import shutil
import subprocess
import time

from rig import api
from rig.batch import batch
from rig.broker import Broker, free_port
from rig.cluster import Cluster, until
from rig.wire import Wire
from rig.writer import Writer, doubled, lost, read_all

TOPIC = "replicated"
TIMED = "timed"
# Generous: machines that do other work are slow. Figures are for the benchmarks.
TAKE_OVER_SECONDS = 5
CATCH_UP_SECONDS = 20


def _until(condition, seconds=CATCH_UP_SECONDS):
    return until(condition, seconds)


def _placed(cluster, topic=TOPIC):
    return cluster.placed(topic)


def _in_sync(cluster, count, topic=TOPIC):
    return _until(lambda: len(_placed(cluster, topic).isr) == count)


def _voters(cluster, node):
    return {one["node_id"] for one in cluster.get(node, "/v1/quorum")["members"] if one["voter"]}


def _directory(cluster, node):
    """The data directory of that broker that has a vote."""
    for one in cluster.get(node, "/v1/quorum")["members"]:
        if one["node_id"] == node and one["voter"]:
            return one["directory_id"]
    return None


def _found(tally, cluster):
    cluster.start()
    tally.check("cluster: three brokers found one cluster",
                len({cluster.get(node, "/v1/cluster")["cluster_id"] for node in cluster.brokers}) == 1)
    tally.check("cluster: all three become voters",
                _until(lambda: all(_voters(cluster, n) == {1, 2, 3} for n in cluster.brokers)))
    controller = cluster.controller()
    other = next(node for node in cluster.brokers if node != controller)
    with Wire(cluster[other].port) as wire:
        made = api.create_topic(wire, TOPIC, 1, replicas=3)
        placed = api.placement(wire, TOPIC)[0]
    tally.check("cluster: a broker that is not the controller creates a topic, and shows it at once",
                made == 0 and len(placed.replicas) == 3 and placed.leader in placed.replicas,
                (made, placed))


def _replicate(tally, cluster):
    writer = Writer(cluster, TOPIC)
    for i in range(50):
        writer.write([b"a%d-%d" % (i, j) for j in range(4)])
    leader = _placed(cluster).leader

    def same():
        ends = [cluster.get(node, f"/v1/topics/{TOPIC}")["partitions"][0] for node in cluster.brokers]
        return all(end["high_watermark"] == end["log_end_offset"] == 200 for end in ends)

    tally.check("cluster: every replica has every record, and knows that they are committed",
                _until(same))
    follower = next(node for node in cluster.brokers if node != leader)
    with Wire(cluster[follower].port) as wire:
        produced = api.produce(wire, TOPIC, batch([b"x"]))
    tally.check("cluster: a follower refuses producers with NOT_LEADER_OR_FOLLOWER",
                produced.error == api.NOT_LEADER, produced)
    return writer


def _kill_leader(tally, cluster, writer):
    for round_ in range(3):
        leader = _placed(cluster).leader
        writer.write([b"before %d" % round_])
        cluster[leader].kill()
        took = writer.write([b"after %d" % round_], TAKE_OVER_SECONDS)
        tally.check("cluster: after kill -9 of the leader another acknowledges",
                    _placed(cluster).leader != leader, f"{took:.3f} s")
        print(f"# cluster: leader killed, next acknowledgement after {took * 1000:.0f} ms", flush=True)
        cluster.start([leader])
        tally.check("cluster: the killed broker comes back into sync", _in_sync(cluster, 3))


def _kill_controller(tally, cluster, writer):
    controller = cluster.controller()
    cluster[controller].kill()
    began = time.monotonic()
    cluster.controller()
    print(f"# cluster: controller killed, the next after {(time.monotonic() - began) * 1000:.0f} ms",
          flush=True)
    other = next(node for node in cluster.brokers if node != controller)
    with Wire(cluster[other].port) as wire:
        made = api.create_topic(wire, "after-the-controller", 2, replicas=2)
    tally.check("cluster: without the controller another decides", made == 0, made)
    writer.write([b"without the controller"])
    cluster.start([controller])
    tally.check("cluster: a controller that was killed comes back into sync", _in_sync(cluster, 3))


def _stated(wire, position):
    """(error, statement) of the leader once it makes one; it takes a heartbeat or two."""
    for _ in range(100):
        error, _, stated = api.fetch_with_time(wire, TIMED, 0, position)
        if error or stated:
            return error, stated
        time.sleep(0.05)
    return error, None


def _tell_the_time(tally, cluster):
    """What the leader says of time; and that one that was deposed unawares does not."""
    with Wire(cluster[1].port) as wire:
        api.create_topic(wire, TIMED, replicas=[[1, 2, 3]])
    writer = Writer(cluster, TIMED, timeout=1)
    writer.write([b"one", b"two"])
    end = len(writer.acked)
    leader = _placed(cluster, TIMED).leader
    follower = next(node for node in cluster.brokers if node != leader)
    with Wire(cluster[leader].port) as wire, Wire(cluster[follower].port) as other:
        _, stated = _stated(wire, end)
        lag = time.time() - stated.broker_time / 1000
        tally.check("time: the leader states it where the log ends, half a second late",
                    stated.log_end == end and 0 <= lag < 5, (stated, lag))
        tally.check("time: nothing is stated where there is something to read",
                    api.fetch_with_time(wire, TIMED, 0, 0)[2] is None)
        tally.check("time: a follower states nothing",
                    api.fetch_with_time(other, TIMED, 0, end)[2] is None)
        later = _until(lambda: _stated(wire, end)[1].broker_time > stated.broker_time)
        tally.check("time: it goes on", later)
        cluster[leader].freeze()
        frozen_at = time.time() * 1000
        took = writer.write([b"elsewhere"], TAKE_OVER_SECONDS)
        cluster[leader].thaw()
        answers = [api.fetch_with_time(wire, TIMED, 0, end) for _ in range(200)]
        late = [told for _, _, told in answers if told and told.broker_time > frozen_at]
        tally.check("time: a leader that was deposed while it slept vouches for nothing later",
                    not late, (took, late[:3]))
    tally.check("time: it is in sync again", _in_sync(cluster, 3, TIMED))


def _too_few(tally, cluster):
    placed = _placed(cluster)
    pair = [placed.replicas[0], placed.replicas[1]]
    with Wire(cluster[pair[0]].port) as wire:
        made = api.create_topic(wire, "pair", replicas=[pair], min_insync_replicas=2)
        tally.check("cluster: a topic on two named brokers is created", made == 0, made)
    writer = Writer(cluster, "pair")
    writer.write([b"two have it"])
    leader = _placed(cluster, "pair").leader
    gone = next(node for node in pair if node != leader)
    cluster[gone].kill()
    tally.check("cluster: a dead replica leaves the ISR", _in_sync(cluster, 1, "pair"))
    with Wire(cluster[leader].port) as wire:
        refused = api.produce(wire, "pair", batch([b"one has it"]))
        taken = api.produce(wire, "pair", batch([b"acks=1"]), acks=1)
    tally.check("cluster: below min.insync.replicas acks=all is refused with NOT_ENOUGH_REPLICAS",
                refused.error == api.NOT_ENOUGH_REPLICAS, refused)
    tally.check("cluster: and acks=1 is not", taken.error == 0, taken)
    cluster.start([gone])
    tally.check("cluster: it comes back into the ISR", _in_sync(cluster, 2, "pair"))
    writer.write([b"two again"])


def _stop_in_order(tally, cluster, writer):
    for node in cluster.brokers:
        cluster[node].process.terminate()
        writer.write([b"while %d stops" % node], TAKE_OVER_SECONDS)
        status = cluster[node].process.wait(20)
        tally.check("cluster: a broker that is stopped ends with status 0", status == 0, status)
        cluster.start([node])
        tally.check("cluster: and comes back into sync", _in_sync(cluster, 3))


def _lose_a_disk(tally, cluster, writer):
    node = next(n for n in cluster.brokers if n != _placed(cluster).leader)
    before = _directory(cluster, node)
    cluster[node].kill()
    shutil.rmtree(cluster[node].data)
    cluster.start([node])
    tally.check("cluster: a broker whose disk was lost is filled again by the others",
                _in_sync(cluster, 3))
    tally.check("cluster: and votes again, with its new directory",
                _until(lambda: _voters(cluster, node) == {1, 2, 3}
                       and _directory(cluster, node) not in (None, before)))
    writer.write([b"with a new disk"])


def _kill_all(tally, cluster, writer):
    for broker in cluster.brokers.values():
        broker.kill()
    cluster.start()
    writer.write([b"after all were killed"])
    found = read_all(cluster, TOPIC)
    tally.check("cluster: no acknowledged record is lost", not lost(writer, found),
                lost(writer, found)[:5])
    tally.check("cluster: no record is there twice", not doubled(found), doubled(found)[:5])


def _join(tally, options, cluster):
    home = f"{cluster.work}/broker-4"
    fourth = Broker(options.broker, f"{home}/data",
                    ["node.id=4", f"rpc.listen=127.0.0.1:{free_port()}",
                     f"cluster.join=127.0.0.1:{cluster.rpc[2]}"])
    cluster.brokers[4] = fourth
    try:
        fourth.start(wait=False)
        cluster.await_serving(4)
        with Wire(fourth.port) as wire:
            made = api.create_topic(wire, "on-the-fourth", replicas=[[4, 1]])
        writer = Writer(cluster, "on-the-fourth")
        writer.write([b"here"])
        tally.check("cluster: a broker joins a running cluster and leads", made == 0 and
                    _placed(cluster, "on-the-fourth").leader == 4, made)
        with Wire(fourth.port) as wire:
            moved = api.reassign(wire, "on-the-fourth", {0: [2, 3]})
        writer.write([b"while it moves"])
        tally.check("cluster: a reassigned partition is with its new replicas alone",
                    moved == 0 and _until(lambda: sorted(
                        _placed(cluster, "on-the-fourth").replicas) == [2, 3]), moved)
        writer.write([b"where it is now"])
        found = read_all(cluster, "on-the-fourth")
        tally.check("cluster: and has all its records", not lost(writer, found), found)
        tally.check("cluster: a fourth broker is no voter", _voters(cluster, 4) == {1, 2, 3},
                    cluster.get(4, "/v1/quorum"))
    finally:
        fourth.kill()
        del cluster.brokers[4]


def _lose_the_majority(tally, options, cluster):
    survivor = cluster.controller()
    others = [node for node in cluster.brokers if node != survivor]
    writer = Writer(cluster, TOPIC)
    writer.write([b"before the majority was lost"])
    for broker in cluster.brokers.values():
        broker.kill()
    for node in others:
        shutil.rmtree(cluster[node].data)
    command = [*cluster[survivor].command(), "--recover-lone-voter"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    tally.check("cluster: a survivor is told what being the only voter gives up, and nothing is done",
                told.returncode == 3 and f"Broker {others[0]}, directory " in told.stdout
                and "loses its vote" in told.stdout, (told.returncode, told.stdout, told.stderr))
    done = subprocess.run([*command, "--accept-loss"], capture_output=True, text=True, check=False)
    tally.check("cluster: with --accept-loss it is done", done.returncode == 0,
                (done.returncode, done.stdout, done.stderr))
    cluster.start([survivor])
    tally.check("cluster: it is the only voter then", _voters(cluster, survivor) == {survivor})
    cluster.start(others)
    tally.check("cluster: the others join it with empty directories, and are in sync",
                _in_sync(cluster, 3))
    tally.check("cluster: and vote again",
                _until(lambda: all(_voters(cluster, n) == {1, 2, 3} for n in cluster.brokers)))
    writer.write([b"after that"])
    found = read_all(cluster, TOPIC)
    tally.check("cluster: what the survivor had is there", not lost(writer, found),
                lost(writer, found)[:5])
    with Wire(cluster[survivor].port) as wire:
        made = api.create_topic(wire, "kept", replicas=3)
    Writer(cluster, "kept").write([b"records"])
    with Wire(cluster[survivor].port) as wire:
        gone = api.delete_topic(wire, "kept")

    def strays(node):
        return [name for name in os.listdir(cluster[node].data) if "-stray" in name]

    tally.check("cluster: and no records are removed until somebody has looked", made == gone == 0 and
                _until(lambda: all(strays(node) for node in cluster.brokers)), (made, gone))


def run(tally, options):
    cluster = Cluster(options.broker)
    try:
        _found(tally, cluster)
        writer = _replicate(tally, cluster)
        _kill_leader(tally, cluster, writer)
        _kill_controller(tally, cluster, writer)
        _tell_the_time(tally, cluster)
        _too_few(tally, cluster)
        _stop_in_order(tally, cluster, writer)
        _lose_a_disk(tally, cluster, writer)
        _kill_all(tally, cluster, writer)
        _join(tally, options, cluster)
        _lose_the_majority(tally, options, cluster)
    except Exception:
        for node, broker in cluster.brokers.items():
            print(f"--- broker {node}\n{broker.log_tail()}", flush=True)
        raise
    finally:
        cluster.kill()
        if not options.keep:
            shutil.rmtree(cluster.work, ignore_errors=True)
