"""A disk that can lose its power: an ext4 image in a tmpfs of its own, and the file system's own
shutdown call, after which nothing more reaches the image. Needs root, loop devices and xfs_io.

The broker must be dead before a loss is completed, or the unmount fails.
"""

import ctypes
import fcntl
import os
import random
import shutil
import struct
import subprocess
import tempfile
import time

_libc = ctypes.CDLL(None, use_errno=True)
PAGE = 4096
FIBMAP = 1
BUSY_SECONDS_MAX = 5


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Disk:
    def __init__(self, mebibytes=256, below=None):
        self.home = tempfile.mkdtemp(prefix="strandline-disk-", dir=below)
        self.tmpfs = os.path.join(self.home, "t")
        self.image = os.path.join(self.tmpfs, "d.img")
        self.mount = os.path.join(self.home, "m")
        self.data = os.path.join(self.mount, "data")
        os.mkdir(self.tmpfs)
        os.mkdir(self.mount)
        self._mebibytes = mebibytes

    def __enter__(self):
        # Twice the size: save() keeps a second image there.
        _run("mount", "-t", "tmpfs", "-o", f"size={2 * self._mebibytes + 8}m", "tmpfs", self.tmpfs)
        self._make()
        self._attach()
        return self

    def _make(self):
        with open(self.image, "wb") as image:
            image.truncate(self._mebibytes << 20)
        _run("mkfs.ext4", "-q", "-F", "-m0", "-b", str(PAGE), self.image)

    def __exit__(self, *_):
        for path in (self.mount, self.tmpfs):
            subprocess.run(["umount", path], capture_output=True, check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def _attach(self):
        _run("mount", "-o", "loop,errors=remount-ro", self.image, self.mount)

    def _detach(self):
        """Somebody else who starts a process or makes a namespace just now may hold it for a moment."""
        give_up = time.monotonic() + BUSY_SECONDS_MAX
        while True:
            try:
                return _run("umount", self.mount)
            except RuntimeError as error:
                if "busy" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.05)

    def flip_a_bit(self, path, position, bit):
        """On the device, as it happens: whoever has the page in memory still has what was written."""
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            block = struct.pack("i", position // PAGE)
            physical, = struct.unpack("i", fcntl.ioctl(file.fileno(), FIBMAP, block))
        if physical == 0:
            raise RuntimeError(f"{path} has no block at {position}")
        with open(self.image, "r+b") as image:
            image.seek(physical * PAGE + position % PAGE)
            byte = image.read(1)[0]
            image.seek(physical * PAGE + position % PAGE)
            image.write(bytes([byte ^ (1 << bit)]))

    def power_off(self, keep_journal=False):
        """From here every call fails with EIO; what was not synced is lost. With `keep_journal`
        names made without a directory sync stay, with empty files behind them."""
        _run("xfs_io", "-x", "-c", "shutdown -f" if keep_journal else "shutdown", self.mount)

    def power_on(self):
        self._detach()
        self._attach()

    def lose(self):
        """A new, empty disk in the place of this one."""
        self._detach()
        self._make()
        self._attach()

    def save(self):
        """Keeps the disk as it is; the broker must be down."""
        self._detach()
        _run("cp", "--sparse=always", self.image, self.image + ".saved")
        self._attach()

    def bring_back(self):
        """What save() kept, once."""
        self._detach()
        os.replace(self.image + ".saved", self.image)
        self._attach()

    def make_read_only(self):
        """As ext4 does when it finds itself damaged; power_on() mends it."""
        device = os.path.basename(_run("findmnt", "-no", "SOURCE", self.mount).strip())
        with open(f"/sys/fs/ext4/{device}/trigger_fs_error", "w") as trigger:
            trigger.write("chaos")

    def freeze(self):
        """Writes and syncs hang until thaw(); what was written before reaches the disk."""
        _run("fsfreeze", "-f", self.mount)

    def thaw(self):
        _run("fsfreeze", "-u", self.mount)

    def write_some_pages(self, path, seed):
        """Writes a few random runs of a file's unsynced pages to the device, and nothing else of
        it: the power_off(keep_journal=True) that follows leaves a torn tail with holes."""
        prng = random.Random(seed)
        descriptor = os.open(path, os.O_RDWR)
        try:
            pages = (os.fstat(descriptor).st_size + PAGE - 1) // PAGE
            for _ in range(prng.randint(1, 4)):
                first = prng.randint(max(0, pages - 64), max(0, pages - 1))
                length = prng.randint(1, 8) * PAGE
                _libc.sync_file_range(descriptor, ctypes.c_int64(first * PAGE),
                                      ctypes.c_int64(length), 7)
        finally:
            os.close(descriptor)


class Filler:
    """Somebody else's file on the same disk."""

    def __init__(self, disk):
        self._mount = disk.mount
        self._path = os.path.join(disk.mount, "filler")

    def available(self):
        state = os.statvfs(self._mount)
        return state.f_bavail * state.f_frsize

    def fill_to(self, free_bytes):
        """Grows until no more than this is free; 0: until nothing is."""
        with open(self._path, "ab") as file:
            while True:
                spare = self.available() - free_bytes
                if spare <= 0:
                    return
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, min(spare, 1 << 20))
                except OSError:
                    self._last_blocks(file)
                    return

    def _last_blocks(self, file):
        size = os.fstat(file.fileno()).st_size
        while True:
            try:
                os.posix_fallocate(file.fileno(), size, 4096)
            except OSError:
                return
            size += 4096

    def remove(self):
        if os.path.exists(self._path):
            os.remove(self._path)


def files_below(root, suffix):
    found = []
    for directory, _, names in os.walk(root):
        found += [os.path.join(directory, name) for name in names if name.endswith(suffix)]
    return sorted(found)
