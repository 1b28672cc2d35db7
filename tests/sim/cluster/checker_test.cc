// The checker checked: a cluster that is well is shown to it with one thing forged, and it has to
// name exactly that.
#include "tests/sim/cluster/checker.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/partition/leader_role.h"
#include "broker/partition/replica_services.h"
#include "protocol/record/builder.h"
#include "protocol/record/compression.h"
#include "replication/quorum/quorum_codec.h"
#include "storage/checkpoint/guarded_file.h"
#include "tests/sim/cluster/clients.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {
namespace {

using Catch::Matchers::StartsWith;
using std::chrono::milliseconds;

constexpr Duration kAtMost = std::chrono::seconds{30};

// Three brokers, one partition, some batches that everybody has; and nothing under way.
class WellCluster {
 public:
  WellCluster() {
    world.after_each([this](Host* host) {
      if (host != nullptr) checker().after_event(*host);
    });
    cluster.start_all();
    wait_for([&] { return cluster.is_formed(); });
    cluster.create_topic();
    wait_for([&] { return cluster.image()->topic("t") != nullptr; });
    wait_for([&] { return cluster.unsettled().empty(); });
    place = {cluster.image()->topic("t")->id, PartitionIndex{0}};
    clients.start(place.topic_id);
    wait_for([&] { return clients.stats().acked >= 20; });
    clients.stop_producing();
    wait_for([&] { return clients.all_answered() && cluster.unsettled().empty(); });
    epoch = leader().broker->shard().partitions().find(place)->leader_epoch();
  }

  template <class Condition>
  void wait_for(const Condition& condition) {
    const Instant end = world.now() + kAtMost;
    while (!condition()) {
      REQUIRE(world.now() < end);
      while (world.run_next(world.now() + milliseconds{20})) {
      }
    }
  }

  Checker& checker() { return cluster.checker(); }
  Host& leader() { return *cluster.leader_of(place.partition); }
  Host& follower(std::size_t which = 0) {
    std::vector<Host*> followers;
    for (const auto& host : world.hosts()) {
      if (host->id != leader().id) followers.push_back(host.get());
    }
    return *followers[which];
  }
  Partition& replica(Host& host) { return *host.broker->shard().partitions().find(place); }
  PartitionLog& log(Host& host) { return replica(host).log(); }
  const std::vector<BatchView>& committed() { return checker().committed(place); }
  Offset end() { return checker().committed_end(place); }

  // As a leader of the partition's epoch would write it; nothing is synced.
  void append(Host& host, ProducerId producer, Sequence sequence, std::int32_t records = 1) {
    BatchBuilder builder;
    for (std::int32_t i = 0; i < records; ++i) builder.append({.timestamp = Timestamp{i}});
    std::vector<std::byte> bytes;
    builder.build(
        {.producer_id = producer, .producer_epoch = ProducerEpoch{0}, .base_sequence = sequence},
        compressor, bytes);
    REQUIRE(
        log(host).append_as_leader(bytes, parse_batch_header(bytes).value(), epoch, Timestamp{0}));
  }
  void commit_all(Host& host) { log(host).set_high_watermark(log(host).log_end_offset()); }
  // The last batch goes, and another one of as many records takes its place.
  void replace_last(Host& host) {
    const BatchView last = committed().back();
    world.as(host, [&] {
      REQUIRE(log(host).truncate_to(last.base_offset));
      append(host, ProducerId{900}, Sequence{0}, last.records);
    });
  }
  // It leads from here on, as its image says.
  void elect(Host& host) {
    const auto newest = cluster.image();
    const PartitionImage& now = *newest->partition("t", PartitionIndex{0});
    PartitionView view{.leader = BrokerId{host.id},
                       .leader_epoch = now.leader_epoch + 1,
                       .replicas = {now.replicas.begin(), now.replicas.end()},
                       .incarnation = Incarnation{newest->broker(BrokerId{host.id})->broker_epoch}};
    for (const BrokerId member : now.isr) view.isr.members.push_back(member);
    view.isr.partition_epoch = PartitionEpoch{now.partition_epoch + 1};
    view.isr.min_insync_replicas = 2;
    world.as(host, [&] { replica(host).set_view(view); });
  }

  std::string finds(Host& host) {
    try {
      world.as(host, [&] { checker().after_event(host); });
    } catch (const Violation& violation) {
      return violation.what();
    }
    return "nothing";
  }

  World world{7, 3, false};
  Cluster cluster{world, {.brokers = 3, .partitions = 1}};
  Clients clients{world, cluster.checker(), {.topic = "t", .partitions = 1, .lax_producers = 0}};
  Compressor compressor;
  PartitionKey place;
  LeaderEpoch epoch;
};

template <class Call>
std::string violation_of(const Call& call) {
  try {
    call();
  } catch (const Violation& violation) {
    return violation.what();
  }
  return "nothing";
}

TEST_CASE("cluster checker: finds nothing where all is well", "[sim]") {
  WellCluster t;
  for (const auto& host : t.world.hosts()) CHECK(t.finds(*host) == "nothing");
  CHECK(violation_of([&] { t.checker().check_everything(); }) == "nothing");
}

TEST_CASE("cluster checker: names what is wrong with a leader", "[sim]") {
  WellCluster t;
  SECTION("another one has its epoch") {
    ++t.leader().life;
    CHECK_THAT(t.finds(t.leader()), StartsWith("two leaders in epoch"));
  }
  SECTION("it lacks what is committed") {
    t.world.as(t.follower(),
               [&] { REQUIRE(t.log(t.follower()).truncate_to(t.committed().back().base_offset)); });
    t.elect(t.follower());
    CHECK_THAT(t.finds(t.follower()), StartsWith("committed records are lost"));
  }
  SECTION("it has something else there") {
    Host& host = t.follower();
    t.replace_last(host);
    t.elect(host);
    CHECK_THAT(t.finds(host), StartsWith("another batch than the committed one"));
  }
  SECTION("it commits a batch for the second time") {
    const BatchView first = t.committed().front();
    t.world.as(t.leader(), [&] {
      t.append(t.leader(), first.producer, first.sequence, first.records);
      t.commit_all(t.leader());
    });
    CHECK_THAT(t.finds(t.leader()), StartsWith("a producer's batch is committed twice"));
  }
  SECTION("it commits a producer's batches out of order") {
    t.world.as(t.leader(), [&] {
      t.append(t.leader(), ProducerId{900}, Sequence{3});
      t.commit_all(t.leader());
    });
    CHECK_THAT(t.finds(t.leader()), StartsWith("a producer's batches are out of order"));
  }
}

TEST_CASE("cluster checker: names what is wrong with a high watermark", "[sim]") {
  WellCluster t;
  Host& host = t.follower();
  SECTION("it falls") {
    t.world.as(host, [&] { REQUIRE(t.log(host).truncate_to(t.committed().back().base_offset)); });
    CHECK_THAT(t.finds(host), StartsWith("the high watermark of broker"));
  }
  SECTION("what is below it is not the same everywhere") {
    t.replace_last(host);
    t.world.as(host, [&] { t.commit_all(host); });
    ++host.life;
    CHECK(t.finds(host).find("differs below its high watermark") != std::string::npos);
  }
  SECTION("no leader has committed so much") {
    t.world.as(host, [&] {
      t.append(host, ProducerId{900}, Sequence{0});
      t.commit_all(host);
    });
    CHECK(t.finds(host).find("up to where any leader committed") != std::string::npos);
  }
}

TEST_CASE("cluster checker: names what is wrong with an answer", "[sim]") {
  WellCluster t;
  const BatchView last = t.committed().back();
  Acked acked{.place = t.place,
              .producer = last.producer,
              .sequence = last.sequence,
              .base_offset = last.base_offset,
              .end = last.next_offset(),
              .leader_epoch = t.epoch};
  SECTION("it is on no disk") {
    t.world.as(t.leader(), [&] { t.append(t.leader(), ProducerId{900}, Sequence{0}); });
    acked.base_offset = t.end();
    acked.end = t.end() + 1;
    t.checker().on_saying_acked(acked);
    CHECK_THAT(t.finds(t.leader()), StartsWith("acknowledged at"));
  }
  SECTION("it is another batch") {
    acked.sequence = Sequence{acked.sequence.value() + 1};
    CHECK_THAT(violation_of([&] { t.checker().on_acked(acked); }),
               StartsWith("acknowledged and not committed"));
  }
  SECTION("it is at another offset") {
    acked.base_offset = acked.base_offset + 1;
    CHECK_THAT(violation_of([&] { t.checker().on_acked(acked); }),
               StartsWith("acknowledged and not committed"));
  }
}

TEST_CASE("cluster checker: names what is wrong with what readers see", "[sim]") {
  WellCluster t;
  const Offset end = t.end();
  const auto read = [&](LeaderEpoch epoch, Offset high_watermark, Offset acked_before) {
    return violation_of(
        [&, epoch] { t.checker().on_read(t.place, epoch, high_watermark, acked_before); });
  };
  CHECK(read(t.epoch, end, end) == "nothing");
  SECTION("not all that was acknowledged") {
    CHECK_THAT(read(t.epoch, end, end + 1), StartsWith("a reader misses what was acknowledged"));
  }
  SECTION("less than before") {
    CHECK_THAT(read(t.epoch, end - 1, Offset{0}),
               StartsWith("readers saw the high watermark fall in epoch"));
  }
  SECTION("less than the leader before showed") {
    CHECK_THAT(read(LeaderEpoch{t.epoch.value() - 1}, end + 1, Offset{0}),
               StartsWith("readers saw the high watermark fall between epochs"));
  }
  SECTION("a word on time that is not true") {
    CHECK_THAT(violation_of([&] { t.checker().on_statement(t.place, Offset{0}, t.world.now()); }),
               StartsWith("a leader vouched for a time that was not over"));
  }
}

TEST_CASE("cluster checker: names what is wrong with what a replica vouches for", "[sim]") {
  WellCluster t;
  SECTION("what it calls flushed is not on its disk") {
    Host& host = t.leader();
    t.world.as(host, [&] {
      t.append(host, ProducerId{900}, Sequence{0});
      const auto job = t.log(host).begin_sync();
      REQUIRE(job.has_value());
      t.log(host).finish_sync(*job, success());
    });
    CHECK(t.finds(host).find("and a power loss would take what is at") != std::string::npos);
  }
  SECTION("it may be elected and has not flushed what is committed") {
    Host& host = t.leader();
    t.world.as(host, [&] {
      t.append(host, ProducerId{900}, Sequence{0});
      const auto job = t.log(host).begin_sync();
      REQUIRE(job.has_value());
      t.log(host).finish_sync(*job, run(*job));
      t.commit_all(host);
    });
    CHECK(t.finds(host).find("may be elected and has flushed up to") != std::string::npos);
  }
  SECTION("fewer have it than there have to be") {
    VouchChecker four{4};
    four.after_event(t.leader());
    for (const std::size_t which : {0, 1}) {
      four.after_event(t.follower(which), t.replica(t.follower(which)), Offset{0});
    }
    CHECK_THAT(violation_of([&] { four.after_event(t.leader(), t.replica(t.leader()), t.end()); }),
               StartsWith("committed up to"));
  }
}

TEST_CASE("cluster checker: names what is wrong with a log at the end", "[sim]") {
  WellCluster t;
  Host& host = t.follower();
  SECTION("it is short") {
    t.world.as(host, [&] { REQUIRE(t.log(host).truncate_to(t.committed().back().base_offset)); });
    CHECK_THAT(violation_of([&] { t.checker().check_everything(); }),
               StartsWith("committed records are lost"));
  }
  SECTION("it is another one") {
    t.replace_last(host);
    CHECK_THAT(violation_of([&] { t.checker().check_everything(); }),
               StartsWith("another batch than the committed one"));
  }
  SECTION("it is damaged") {
    REQUIRE(t.cluster.corrupt(host, Damage::anywhere));
    CHECK_THAT(violation_of([&] { t.checker().check_everything(); }),
               StartsWith("the log of broker"));
  }
}

// --- metadata, with quorums of one that are made by hand

constexpr char kVoteName[] = "__cluster_metadata-0/vote";
constexpr FileKind kVoteKind{.magic = "SLVO", .version = 1};

QuorumBatch batch(std::int64_t base, LeaderEpoch epoch, std::string_view content) {
  const ByteView bytes = as_bytes(content);
  return {.base_offset = Offset{base},
          .next_offset = Offset{base + 1},
          .epoch = epoch,
          .voters = std::nullopt,
          .bytes = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end())};
}

// Leads in epoch 4; its log begins behind epoch 3.
class Metadata {
 public:
  Metadata() {
    for (const int id : {1, 2}) keep_vote(world.host(id));
  }

  void keep_vote(Host& host) {
    REQUIRE(host.disk->create_directories("__cluster_metadata-0"));
    const std::string vote =
        encode_stored_vote({.vote = {.epoch = LeaderEpoch{4}, .voted_for = self}});
    REQUIRE(replace_file(*host.disk, kVoteName, kVoteKind, as_bytes(vote)));
  }

  Quorum leader(Offset start, std::vector<QuorumBatch> batches = {}) const {
    QuorumLog log{{LeaderEpoch{3}, start}, VoterSet{{Voter{self, HostPort{"a", 1}}}}};
    for (QuorumBatch& one : batches) log.append(std::move(one));
    Quorum quorum{Instant{},
                  {.self = self},
                  {.vote = {.epoch = LeaderEpoch{3}}, .log = std::move(log), .incarnation = 1},
                  1};
    quorum.on_timeout(Instant{std::chrono::seconds{60}});
    drain(quorum);
    REQUIRE(quorum.leads());
    REQUIRE(quorum.epoch() == LeaderEpoch{4});
    return quorum;
  }
  static void append(Quorum& quorum, std::string_view content) {
    const Offset end = quorum.log().end().offset;
    REQUIRE(quorum.append(now(), batch(end.value(), LeaderEpoch{4}, content)) == Errc::ok);
    drain(quorum);
    quorum.on_synced(now(), end + 1);
    drain(quorum);
    REQUIRE(quorum.committed() == end + 1);
  }

  static Instant now() { return Instant{std::chrono::seconds{60}}; }
  static void drain(Quorum& quorum) {
    for (;;) {
      const std::vector<QuorumEffect> effects = quorum.take_effects();
      if (effects.empty()) return;
      for (const QuorumEffect& effect : effects) {
        const auto* const persist = std::get_if<PersistVote>(&effect);
        if (persist != nullptr) quorum.on_vote_persisted(now(), persist->vote);
      }
    }
  }

  ReplicaKey self{BrokerId{1}, Uuid{{std::byte{1}}}};
  World world{1, 2, false};
  Checker checker{world, 2};
  QuorumChecker rules;
};

TEST_CASE("cluster checker: names what is wrong with the metadata", "[sim]") {
  Metadata t;
  Host& host = t.world.host(1);
  Quorum first = t.leader(Offset{5});
  t.append(first, "one");
  t.checker.check_metadata(host, first);
  SECTION("another leader in its epoch") {
    const Quorum second = t.leader(Offset{5});
    CHECK_THAT(violation_of([&] { t.checker.check_metadata(t.world.host(2), second); }),
               StartsWith("two leaders of the metadata in epoch"));
  }
  SECTION("something else is committed there") {
    Quorum second = t.leader(Offset{5});
    t.append(second, "another");
    CHECK_THAT(violation_of([&] { t.checker.check_metadata(t.world.host(2), second); }),
               StartsWith("other metadata is committed"));
  }
}

TEST_CASE("cluster checker: names the rule that a leader of the metadata breaks", "[sim]") {
  Metadata t;
  Host& host = t.world.host(1);
  const Quorum before = t.leader(Offset{5});
  t.rules.after_event(host, before);
  SECTION("its own vote") {
    REQUIRE(host.disk->remove(kVoteName));
    ++host.life;
    CHECK_THAT(violation_of([&] { t.rules.after_event(host, before); }),
               StartsWith("leads the metadata in epoch 4, and its own vote"));
  }
  SECTION("what it commits") {
    const Quorum after = t.leader(Offset{10});
    CHECK_THAT(violation_of([&] { t.rules.after_event(host, after); }),
               StartsWith("a leader of the metadata in epoch 4 commits what earlier ones left"));
  }
  SECTION("when it decides") {
    const QuorumChecker::Leading early{.epoch = LeaderEpoch{4},
                                       .committed = Offset{5},
                                       .epoch_committed = LeaderEpoch{3},
                                       .voters_end = Offset{5},
                                       .decides = true};
    CHECK_THAT(violation_of([&] { t.rules.after_event(host, early); }),
               StartsWith("a leader of the metadata in epoch 4 decides"));
  }
  SECTION("when it changes the voters") {
    QuorumBatch change = batch(5, LeaderEpoch{3}, "voters");
    change.voters = VoterSet{{Voter{t.self, HostPort{"b", 2}}}};
    const Quorum after = t.leader(Offset{5}, {change});
    CHECK_THAT(violation_of([&] { t.rules.after_event(host, after); }),
               StartsWith("a leader of the metadata in epoch 4 changes the voters"));
  }
}

}  // namespace
}  // namespace strandline::cluster_sim
