"""What a nemesis can do. A fault is a function of the World: it does harm, holds it, and takes it away
again; what recovers by itself afterwards is waited for by World.settle()."""

from faults import disks, network, processes

KINDS = {**processes.KINDS, **network.KINDS, **disks.KINDS}
