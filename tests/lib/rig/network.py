"""Hosts as network namespaces on one bridge, and what can go wrong between them. Needs root.

Faults are rules at the bridge, by direction; the hosts notice nothing but packets that do not come.
Namespaces are named after the process that made them, so that several runs do not meet and
sweep() can tell which ones were left behind.
"""

import ctypes
import os
import re
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
LOSSES = (1, 5, 20, 50)  # per cent

_RULES = """
table bridge chaos {
  set cut { type ifname . ifname; }
  map loss { type ifname . ifname : verdict; }
%s
  chain links {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut counter drop
    iifname . oifname vmap @loss
  }
}
""" % "\n".join(f"  chain loss{each} {{\n    numgen random mod 100 < {each} counter drop\n  }}"
                for each in LOSSES)


def _run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Network:
    """`hosts` are short names; the i-th gets 10.77.0.i."""

    def __init__(self, hosts):
        self.hosts = list(hosts)
        self._prefix = f"sl{os.getpid()}-"
        self._switch = self._prefix + "sw"
        self._doubled = set()

    def __enter__(self):
        try:
            self._make()
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        _remove(self._prefix)

    def namespace(self, host):
        return self._prefix + host

    def address(self, host):
        return f"10.77.0.{self.hosts.index(host) + 1}"

    def command(self, host):
        """What runs a program on a host, and ends it with the thread that started it. Not `ip netns
        exec`: that makes a mount namespace too, in which a disk stays mounted."""
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/run/netns/{self.namespace(host)}", "--"]

    def enter(self, host):
        """Moves the calling thread there, and with it all threads and processes it starts after."""
        descriptor = os.open(f"/run/netns/{self.namespace(host)}", os.O_RDONLY)
        try:
            if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)

    def _make(self):
        _run("ip", "netns", "add", self._switch)
        self._on_switch("ip", "link", "add", "br0", "type", "bridge")
        self._on_switch("ip", "link", "set", "br0", "up")
        for host in self.hosts:
            name = self.namespace(host)
            _run("ip", "netns", "add", name)
            _run("ip", "link", "add", "e0", "address", self._hardware(host), "netns", name, "type",
                 "veth", "peer", "name", f"p-{host}", "netns", self._switch)
            self._on_switch("ip", "link", "set", f"p-{host}", "master", "br0", "up")
        for host in self.hosts:
            lines = [f"addr add {self.address(host)}/24 dev e0", "link set lo up", "link set e0 up"]
            # Known for good: else a fault of one direction stops the other at the next question of
            # ARP.
            lines += [f"neigh replace {self.address(other)} lladdr {self._hardware(other)} dev e0"
                      for other in self.hosts if other != host]
            _run("ip", "-n", self.namespace(host), "-batch", "-", text="\n".join(lines) + "\n")
        self._nft(_RULES)

    def _hardware(self, host):
        return f"02:00:00:00:00:{self.hosts.index(host) + 1:02x}"

    def _on_switch(self, *command, text=None):
        return _run("nsenter", f"--net=/run/netns/{self._switch}", "--", *command, text=text)

    def _nft(self, text):
        self._on_switch("nft", "-f", "-", text=text)

    def drop(self, *links):
        """Nothing of what the first of a pair sends reaches the second."""
        if not links:
            return
        pairs = ", ".join(f'"p-{a}" . "p-{b}"' for a, b in links)
        self._nft(f"add element bridge chaos cut {{ {pairs} }}\n")

    def cut(self, some, others):
        """Nothing passes between two groups of hosts."""
        self.drop(*[pair for a in some for b in others for pair in ((a, b), (b, a))])

    def isolate(self, host):
        self.cut([host], [other for other in self.hosts if other != host])

    def lose(self, percent, *links):
        pairs = ", ".join(f'"p-{a}" . "p-{b}" : jump loss{percent}' for a, b in links)
        self._nft(f"add element bridge chaos loss {{ {pairs} }}\n")

    def double(self, percent, *links):
        """On the way in: a copy made on the way out would pass there again and be copied again."""
        for a, b in links:
            self._nft(
                f"table netdev dup_{a}_{b} {{ chain c {{ type filter hook ingress device \"p-{a}\" "
                f"priority 0; policy accept; ip daddr {self.address(b)} numgen random mod 100 < "
                f"{percent} dup to \"p-{b}\"; }}; }}\n")
            self._doubled.add(f"dup_{a}_{b}")

    def slow(self, host, megabits):
        """Limits what goes to a host."""
        self._on_switch("tc", "qdisc", "replace", "dev", f"p-{host}", "root", "tbf", "rate",
                        f"{megabits}mbit", "burst", "64k", "latency", "200ms")

    def reset(self, host, other):
        """Ends the connections between two hosts, as a middlebox might."""
        _run(*self.command(host), "ss", "-K", "dst", self.address(other))

    def heal(self):
        """Takes all faults away."""
        lines = ["flush set bridge chaos cut", "flush map bridge chaos loss"]
        lines += [f"delete table netdev {name}" for name in sorted(self._doubled)]
        self._doubled.clear()
        self._nft("\n".join(lines) + "\n")
        for host in self.hosts:
            subprocess.run(["nsenter", f"--net=/run/netns/{self._switch}", "--", "tc", "qdisc", "del",
                            "dev", f"p-{host}", "root"], capture_output=True, check=False)


def _remove(prefix):
    for line in _run("ip", "netns", "list").splitlines():
        name = line.split()[0] if line.split() else ""
        if name.startswith(prefix):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def sweep():
    """Removes the namespaces of processes that are no more."""
    for line in _run("ip", "netns", "list").splitlines():
        owner = re.match(r"(sl(\d+)-)", line)
        if owner and not os.path.exists(f"/proc/{owner[2]}"):
            _remove(owner[1])
