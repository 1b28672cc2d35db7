"""The demonstration on three brokers that are one cluster, as tools/cluster starts them.

Sends the first half of the package log, kills the leader of a partition with SIGKILL, sends the second
half to the brokers that are left, reads all of it back from them and compares; starts the killed broker
again, waits until it has everything, and compares once more.
"""

import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import cluster
from events import PARTITIONS, TOPIC, Failure, check, create_topic, port_is_free, send, step

BROKERS = 3
REPLICAS = 3
PORTS_TRIED = 50
IN_SYNC_SECONDS_MAX = 30


def ports_are_free(port):
    return all(port_is_free(each) for number in range(1, BROKERS + 1)
               for each in cluster.ports_of(port, number))


def choose_port(wanted):
    if wanted:
        if not ports_are_free(wanted):
            raise Failure(f"ports that follow from {wanted} are taken; choose another with --port")
        return wanted
    for port in [cluster.KAFKA_PORT, *random.sample(range(20_000, 30_000), PORTS_TRIED)]:
        if ports_are_free(port):
            return port
    raise Failure("no free ports were found; name some with --port")


def described(bootstrap):
    """{partition: its metadata} of the topic, as one of these brokers knows it."""
    from confluent_kafka.admin import AdminClient

    return AdminClient({"bootstrap.servers": bootstrap}).list_topics(TOPIC, timeout=10).topics[TOPIC].partitions


def await_in_sync(nodes):
    began = time.monotonic()
    while time.monotonic() - began < IN_SYNC_SECONDS_MAX:
        views = [described(node.kafka) for node in nodes]
        if all(len(each.isrs) == REPLICAS for view in views for each in view.values()):
            return began
        time.sleep(0.05)
    raise Failure(f"not every replica is in sync after {IN_SYNC_SECONDS_MAX} s")


def send_some(bootstrap, events):
    began = time.monotonic()
    sent_bytes = send(bootstrap, events)
    took = time.monotonic() - began
    step("send", began, f"{len(events)} events, {len(events) / took:,.0f}/s, {sent_bytes / took / 1e6:.1f} MB/s: "
                        "each acknowledged after it was on the disks of all replicas in sync")


def demonstrate(nodes, binary, events):
    began = time.monotonic()
    cluster.start_all(nodes, binary)
    bootstrap = ",".join(node.kafka for node in nodes)
    step("start", began, f"{BROKERS} brokers serve on {bootstrap}")
    began = time.monotonic()
    create_topic(bootstrap, REPLICAS)
    step("topic", began, f"{TOPIC}: {PARTITIONS} partitions, {REPLICAS} replicas each")
    half = len(events) // 2
    send_some(bootstrap, events[:half])
    leader = cluster.find(nodes, described(bootstrap)[0].leader)
    began = time.monotonic()
    leader.end(signal.SIGKILL)
    step("kill", began, f"SIGKILL to broker {leader.number}, which led partition 0")
    left = ",".join(node.kafka for node in nodes if node is not leader)
    send_some(left, events[half:])
    check("read", left, events)
    began = time.monotonic()
    cluster.start_one(nodes, leader, binary)
    step("restart", began, f"broker {leader.number} serves again")
    step("in sync", await_in_sync(nodes), f"it has all {PARTITIONS} partitions as the others have them")
    check("read again", bootstrap, events)
    return bootstrap


def what_next(home, bootstrap):
    print(f"""
What to type next, with the cluster in {home}:

  tools/cluster status --dir {home}
  tools/cluster kill 1 --dir {home}
  tools/cluster restart 1 --dir {home}
  kcat -b {bootstrap} -L
  kcat -b {bootstrap} -C -t {TOPIC} -o beginning -e -f '%p %o %k: %s\\n'""")


def run(args, events):
    port = choose_port(args.port)
    made = args.data is None
    home = args.data or pathlib.Path(tempfile.mkdtemp(prefix="strandline-quickstart-", dir="/var/tmp"))
    nodes = []
    try:
        nodes = cluster.nodes_of(home, BROKERS, port)
        what_next(home, demonstrate(nodes, args.binary, events))
    except BaseException as error:
        cluster.end_all(nodes)
        print(f"data and broker logs are left in {home}", file=sys.stderr)
        if isinstance(error, cluster.Failure):
            raise Failure(str(error)) from None
        raise
    if args.keep:
        print(f"\nThe brokers run.\nStop them:  tools/cluster destroy --dir {home}")
        return
    cluster.end_all(nodes)
    if made:
        shutil.rmtree(home)
    print("\nThe brokers were stopped; tools/quickstart --brokers 3 --keep leaves them running for these.")
