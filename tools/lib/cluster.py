#!/usr/bin/python3
"""The commands behind tools/cluster, which builds the broker and starts this."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

KAFKA_PORT = 9192  # of the first broker, unless another is given
RPC_PORTS_ON, HTTP_PORTS_ON = 100, 552  # from there: 9292 and 9744
READY_SECONDS_MAX = 20
STOP_SECONDS_MAX = 30
VOTERS = 3  # two are as fragile as one: with two brokers one of them votes


class Failure(Exception):
    """What went wrong, in words for the person at the terminal."""


def ports_of(port, number):
    """For Kafka's clients, other brokers, and HTTP."""
    own = port + number - 1
    return own, own + RPC_PORTS_ON, own + HTTP_PORTS_ON


class Node:
    """One broker of the cluster; what is known of it lies in its folder."""

    def __init__(self, home, number, port=KAFKA_PORT):
        self.home = home / f"broker-{number}"
        self.number = number
        self.kafka, self.rpc, self.http = [f"127.0.0.1:{each}" for each in ports_of(port, number)]
        self.log = self.home / "broker.log"
        self.pid_file = self.home / "pid"

    def pid(self):
        """Of the running process; None when there is none."""
        try:
            pid = int(self.pid_file.read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        # Numbers of processes are used again. A process that has just been made has no words yet.
        is_ours = not command or b"strandlined" in command
        return pid if is_ours and state != "Z" else None

    def start(self, binary, voters):
        self.home.mkdir(parents=True, exist_ok=True)
        command = [binary, "--data", str(self.home / "data"), "--listen", self.kafka]
        for setting in [f"node.id={self.number}", f"cluster.voters={voters}",
                        f"http.listen={self.http}"]:
            command += ["--set", setting]
        with self.log.open("ab") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        self.pid_file.write_text(str(process.pid))

    def get(self, path):
        request = urllib.request.Request(f"http://{self.http}{path}",
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=2) as answer:
            return json.load(answer)

    def serves(self):
        try:
            return self.get("/ready")["ready"]
        except OSError:
            return False

    def await_serving(self):
        began = time.monotonic()
        while not self.serves():
            if self.pid() is None:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise Failure(f"broker {self.number} has ended; it said:\n{tail}")
            if time.monotonic() - began > READY_SECONDS_MAX:
                raise Failure(f"broker {self.number} does not serve after {READY_SECONDS_MAX} s; "
                              f"see {self.log}")
            time.sleep(0.01)

    def end(self, how):
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, how)
        self.await_end()
        return True

    def await_end(self):
        began = time.monotonic()
        while (pid := self.pid()) is not None:
            if time.monotonic() - began > STOP_SECONDS_MAX:
                raise Failure(f"broker {self.number} (process {pid}) does not end")
            time.sleep(0.01)


def nodes_of(home, count=None, port=None):
    """Those that were started once; of a new cluster, `count` from `port` on."""
    remembered = home / "port"
    known = sorted(int(path.name.rpartition("-")[2]) for path in home.glob("broker-*"))
    numbers = known or range(1, (count or 0) + 1)
    if not numbers:
        raise Failure(f"there is no cluster in {home}: tools/cluster start makes one")
    if not known:
        home.mkdir(parents=True, exist_ok=True)
        remembered.write_text(str(port or KAFKA_PORT))
    first = int(remembered.read_text()) if remembered.is_file() else KAFKA_PORT
    return [Node(home, number, first) for number in numbers]


def find(nodes, number):
    for node in nodes:
        if node.number == number:
            return node
    raise Failure(f"there is no broker {number}, only {', '.join(str(n.number) for n in nodes)}")


def voters_of(nodes):
    return ",".join(f"{node.number}@{node.rpc}" for node in nodes)


def start_all(nodes, binary):
    """Those that do not run, together, as a first start needs; the seconds until all serve."""
    began = time.monotonic()
    for node in nodes:
        if node.pid() is None:
            node.start(binary, voters_of(nodes))
    for node in nodes:
        node.await_serving()
    await_voters(nodes)
    return time.monotonic() - began


def await_voters(nodes):
    """One founds the cluster and has its only vote for a moment: its loss would be the cluster's."""
    wanted = VOTERS if len(nodes) >= VOTERS else 1
    began = time.monotonic()
    while any(sum(one["voter"] for one in node.get("/v1/quorum")["members"]) < wanted for node in nodes):
        if time.monotonic() - began > READY_SECONDS_MAX:
            raise Failure(f"there are no {wanted} voters after {READY_SECONDS_MAX} s")
        time.sleep(0.01)


def end_all(nodes):
    """All at once: the last of a row would wait for others to take over, in vain."""
    for node in nodes:
        pid = node.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
    for node in nodes:
        node.await_end()


def start_one(nodes, node, binary):
    began = time.monotonic()
    node.start(binary, voters_of(nodes))
    node.await_serving()
    return time.monotonic() - began


def start(options):
    nodes = nodes_of(options.dir, options.brokers, options.port)
    print(f"{len(nodes)} brokers serve after {start_all(nodes, options.binary) * 1000:.0f} ms")
    print("bootstrap servers: " + ",".join(node.kafka for node in nodes))
    print("next: kcat -b " + nodes[0].kafka + " -L; tools/cluster status; tools/cluster kill 1")


def restart(options):
    nodes = nodes_of(options.dir)
    node = find(nodes, options.number)
    if node.pid() is not None:
        node.end(signal.SIGTERM)
    print(f"broker {node.number} serves after {start_one(nodes, node, options.binary) * 1000:.0f} ms")


def kill(options):
    node = find(nodes_of(options.dir), options.number)
    if not node.end(signal.SIGKILL):
        raise Failure(f"broker {node.number} does not run")
    print(f"broker {node.number} is killed; tools/cluster restart {node.number} brings it back")


def show_partitions(node):
    for topic in node.get("/v1/topics")["topics"]:
        for partition in node.get(f"/v1/topics/{topic['name']}")["partitions"]:
            fields = {key: partition.get(key) for key in
                      ("leader", "leader_epoch", "replicas", "in_sync", "high_watermark")}
            print(f"  {topic['name']}-{partition['partition']}: "
                  + ", ".join(f"{key} {value}" for key, value in fields.items() if value is not None))


def status(options):
    alive = []
    for node in nodes_of(options.dir):
        pid = node.pid()
        serves = pid is not None and node.serves()
        print(f"broker {node.number}: " + ("serves" if serves else "starting" if pid else "down")
              + f", kafka {node.kafka}, http {node.http}" + (f", process {pid}" if pid else ""))
        if pid is not None:
            alive.append(node)
    if not alive:
        return
    quorum = alive[0].get("/v1/quorum")
    print(f"controller: broker {quorum['leader']} in epoch {quorum['epoch']}, metadata committed up "
          f"to {quorum['committed_end']}; voters "
          + ", ".join(str(one["node_id"]) for one in quorum["members"] if one["voter"]))
    print("partitions, as broker {} has them:".format(alive[0].number))
    show_partitions(alive[0])


def stop(options):
    nodes = nodes_of(options.dir)
    end_all(nodes)
    print(f"{len(nodes)} brokers are stopped; tools/cluster start brings them back")


def destroy(options):
    for node in nodes_of(options.dir):
        node.end(signal.SIGKILL)
    shutil.rmtree(options.dir)
    print(f"{options.dir} is removed")


def main():
    parser = argparse.ArgumentParser(prog="tools/cluster", description=__doc__.splitlines()[0])
    parser.add_argument("--binary", help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=pathlib.Path,
                        default=pathlib.Path("/var/tmp/strandline-cluster"))
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in {"start": start, "status": status, "kill": kill, "restart": restart,
                      "stop": stop, "destroy": destroy}.items():
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--dir", type=pathlib.Path, default=argparse.SUPPRESS)
        if name == "start":
            command.add_argument("--brokers", type=int, default=3)
            command.add_argument("--port", type=int)
        if name in ("kill", "restart"):
            command.add_argument("number", type=int)
    options = parser.parse_args()
    try:
        options.run(options)
    except (Failure, OSError) as failure:
        print(f"tools/cluster: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
