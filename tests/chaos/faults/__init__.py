"""What a nemesis can do. A fault is a function of the World: it does harm, holds it, and takes it away
again; what recovers by itself afterwards is waited for by World.settle()."""

from faults import administration, clocks, disks, network, processes, storms

KINDS = {**processes.KINDS, **network.KINDS, **disks.KINDS, **clocks.KINDS, **administration.KINDS,
         **storms.KINDS}
NEEDS = administration.NEEDS  # kind -> request that brokers must know for it

# A leader that clients still reach does not answer. librdkafka (2.0) times its requests out one by one,
# and when a later one is then refused as out of order while the next leader acknowledges the earlier
# ones, it gives up for good. With Kafka's own brokers it does, too.
STALLS = {*network.KINDS, "pause-leader", "pause-follower", "pause-controller", "pause-all", "slow-disk",
          "hung-disk", "hung-and-killed", "storm"}
