"""The daemon under test: started, killed and started again on one data directory and one port."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS_MAX = 20


class StartFailed(RuntimeError):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A prefix of start() is a command that runs the daemon, such as strace with its arguments;
    `descriptors` is its hard limit on them. `host` is the address it serves at, with the kafka and
    the http port in `ports`; `prefix` comes before every start's own."""

    def __init__(self, path, data, settings=(), work=None, descriptors=None, host="127.0.0.1",
                 ports=None, prefix=()):
        self.path = os.path.abspath(path)
        self.data = data
        self.work = work or tempfile.mkdtemp(prefix="strandline-broker-")
        self.log_path = os.path.join(self.work, "broker.out")
        self.host = host
        self.port, self.http = ports or (free_port(), free_port())
        self.bootstrap = f"{host}:{self.port}"
        self.prefix = list(prefix)
        self.settings = list(settings)
        self.process = None
        self.starts = 0
        self._descriptors = descriptors

    def command(self):
        command = [self.path, "--data", self.data, "--listen", self.bootstrap]
        for setting in [f"http.listen={self.host}:{self.http}", *self.settings]:
            command += ["--set", setting]
        return command

    def start(self, prefix=(), wait=True):
        """Returns the seconds until it answered."""
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            log.write(b"--- start %d\n" % self.starts)
            log.flush()
            self.process = subprocess.Popen(
                [*self.prefix, *prefix, *self.command()], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                cwd=self.work, start_new_session=True, preexec_fn=self._limit_descriptors,
            )
        self.starts += 1
        if not wait:
            return 0.0
        while time.monotonic() - began < START_SECONDS_MAX:
            if self.process.poll() is not None:
                raise StartFailed(f"exit status {self.process.returncode}\n{self.log_tail()}")
            if self.answers():
                return time.monotonic() - began
            time.sleep(0.005)
        raise StartFailed(f"no answer after {START_SECONDS_MAX} s\n{self.log_tail()}")

    def _limit_descriptors(self):
        if self._descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._descriptors, self._descriptors))

    def answers(self):
        """A request of the oldest ApiVersions is answered."""
        frame = b"\x00\x12\x00\x00\x00\x00\x00\x01\x00\x03rig"
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as wire:
                wire.sendall(len(frame).to_bytes(4, "big") + frame)
                return len(wire.recv(4)) == 4
        except OSError:
            return False

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL to the daemon and whatever runs it, by the group it was started in; returns when
        none of them runs any more, so that the file system can be unmounted."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # another thread has just seen it end
                os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        while self._group_runs():
            time.sleep(0.001)
        return status

    def _group_runs(self):
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as stat:
                    state, _, group = stat.read().rpartition(")")[2].split()[:3]
            except OSError:  # ended meanwhile
                continue
            if int(group) == self.process.pid and state not in "ZX":
                return True
        return False

    def freeze(self, seconds=10):
        """Stops all its threads, each once the system call that it is in has returned."""
        os.kill(self.process.pid, signal.SIGSTOP)
        deadline = time.monotonic() + seconds
        while not all(state == "T" for state in self._thread_states()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"threads of {self.process.pid} do not stop")
            time.sleep(0.0005)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def _thread_states(self):
        tasks = f"/proc/{self.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/stat") as stat:
                yield stat.read().rpartition(")")[2].split()[0]

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self):
        """What its descriptors point to."""
        folder = f"/proc/{self.process.pid}/fd"
        found = []
        for name in os.listdir(folder):
            try:
                found.append(os.readlink(f"{folder}/{name}"))
            except FileNotFoundError:  # closed meanwhile
                continue
        return found

    def stop(self, seconds=20):
        """Asks it to end; its exit status, or None when it had to be killed."""
        if self.alive():
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def wait_end(self, seconds):
        """Its exit status, or None while it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def log_tail(self, lines=25):
        with open(self.log_path, errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def log_since_start(self):
        with open(self.log_path, errors="replace") as log:
            return log.read().rsplit("--- start", 1)[-1]
