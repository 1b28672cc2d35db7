"""What the phases of a cluster share: where data lies, who is measured, and the record of it."""

import contextlib
import os

from driver import clusters
from rig.disk import Disk

# Three of them lie in memory, twice over as pages of theirs and of the file systems on them.
IMAGE_MEBIBYTES = 3072


class Stage(contextlib.ExitStack):
    """Made once; its end unmounts the images."""

    def __init__(self, options, meter, recorder, say):
        super().__init__()
        self.options, self.meter, self.say = options, meter, say
        self.keep = recorder.keep
        self._images = None

    def names(self):
        return list(self.options.contenders)

    def turns(self, number):
        """Whoever goes first has the cooler machine: they take turns at that, too."""
        return self.names() if number % 2 == 0 else self.names()[::-1]

    def images(self):
        """{node: data directory} on three ext4 images in tmpfs."""
        if self._images is None:
            self._images = {
                node: self.enter_context(Disk(IMAGE_MEBIBYTES, self.options.dir))
                for node in clusters.NODES
            }
        return {node: disk.data for node, disk in self._images.items()}

    def image_folder(self):
        """Where something else than a broker can write to the first image."""
        return os.path.dirname(self.images()[clusters.NODES[0]])

    @contextlib.contextmanager
    def cluster(self, name, datas, network=None):
        """Started; ended and removed afterwards. Its last words are told when something fails."""
        made = clusters.make(
            name, self.options.broker, datas=datas, network=network, below=self.options.dir
        )
        try:
            made.start()
            yield made
        except Exception:
            self.say(made.log_tails())
            raise
        finally:
            made.clean()
