#include "tests/sim/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "broker/partition/leader_role.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/messages/alter_partition_reassignments.h"
#include "protocol/wire/messages/create_topics.h"
#include "storage/log/segment.h"
#include "tests/sim/cluster/sim_broker.h"

namespace strandline::cluster_sim {
namespace {

constexpr int kFounders = 3;
constexpr std::int32_t kMinInsync = 2;
// Some rounds over all that is sealed, in a run.
constexpr std::int64_t kScrubIntervalMs = 15'000;
constexpr Duration kAskMax = std::chrono::seconds{10};
// So far from the end of a log its tail may be torn: a few batches.
constexpr std::uint64_t kTornMax = 800;

template <class Request>
ForwardRequest forward(const Request& request) {
  wire::EncodedFrame encoded;
  wire::encode_request(request, Request::kApi.served.last, 1, "sim", encoded);
  const ByteView frame = encoded.buffer.view().subspan(4);
  return {{frame.begin(), frame.end()}};
}

template <class Brokers>
bool has(const Brokers& brokers, int id) {
  return std::ranges::find(brokers, BrokerId{id}) != brokers.end();
}

}  // namespace

Cluster::Cluster(World& world, const Shape& shape)
    : world_(world), shape_(shape), checker_(world, kMinInsync) {}

Settings Cluster::settings_of(const Host& host) const {
  Settings settings;
  settings.node_id = host.id;
  settings.shards = 1;
  settings.rpc_listen = settings.rpc_advertise = Network::address_of(host.id);
  settings.leader_balance_enable = true;
  settings.scrub_interval_ms = kScrubIntervalMs;
  // A founder whose disk was lost finds the cluster again, told as at first or like any other.
  if (host.id <= kFounders && host.disks_used % 2 == 1) {
    for (int id = 1; id <= kFounders; ++id) {
      if (id > 1) settings.cluster_voters += ",";
      settings.cluster_voters += std::to_string(id) + "@" + to_text(Network::address_of(id));
    }
  } else {
    settings.cluster_join = Network::address_of(host.id % kFounders + 1);
  }
  return settings;
}

// --- processes

void Cluster::start(Host& host) {
  if (host.is_up()) return;
  ++starts_;
  ++host.life;
  world_.note("broker " + std::to_string(host.id) + " starts");
  bool started = false;
  world_.as(host, [&] {
    host.broker = std::make_unique<SimBroker>(world_, host, settings_of(host), [this, &host] {
      ++disk_failures_;
      world_.after(Duration{1}, [this, &host, life = host.life] {
        if (!host.is_up() || host.life != life) return;
        kill(host);
        start_later(host, world_.between_us(20'000, 400'000));
      });
    });
    started = host.broker->start();
  });
  if (started) return;
  kill(host);
  start_later(host, world_.between_us(100'000, 500'000));
}

void Cluster::start_later(Host& host, Duration wait) {
  world_.after(wait, [this, &host] { start(host); });
}

void Cluster::start_all() {
  for (const auto& host : world_.hosts()) start(*host);
}

void Cluster::kill(Host& host) {
  if (host.is_up()) host.broker->end(CrashModel::process_kill(), Network::Death::process);
}

void Cluster::cut_power(Host& host, const CrashModel& model) {
  if (host.is_up()) host.broker->end(model, Network::Death::power);
}

void Cluster::stop_in_order(Host& host) {
  if (!host.is_up() || host.paused) return;
  world_.as(host, [&] {
    host.broker->stop([this, &host, life = host.life] {
      world_.after(Duration{1}, [this, &host, life] {
        if (!host.is_up() || host.life != life) return;
        kill(host);
        start_later(host, world_.between_us(20'000, 300'000));
      });
    });
  });
}

void Cluster::wipe(Host& host) {
  lost_ = image()->broker(BrokerId{host.id})->directory;
  ++host.disks_used;
  host.disk = std::make_unique<SimDisk>(host.disk_seed + host.disks_used);
  checker_.note_damage(host);
  checker_.vouching().note_wiped(host);
}

std::vector<std::string> Cluster::logs_of(const Host& host, int partition) const {
  const std::string directory = shape_.topic + "-" + std::to_string(partition);
  std::vector<std::string> logs;
  const auto names = host.disk->list(directory);
  if (!names) return logs;
  for (const std::string& name : names.value()) {
    if (name.ends_with(kLogSuffix)) logs.push_back(directory + "/" + name);
  }
  return logs;
}

bool Cluster::corrupt(Host& host, Damage damage) {
  Prng& prng = world_.prng();
  const auto partitions = static_cast<std::uint64_t>(shape_.partitions);
  const std::vector<std::string> logs = logs_of(host, static_cast<int>(prng.below(partitions)));
  if (logs.empty()) return false;
  const bool is_at_end = damage == Damage::at_the_end;
  const std::string& path = is_at_end ? logs.back() : logs[prng.below(logs.size())];
  const auto file = host.disk->open(path, OpenMode::read);
  const auto size = file ? file.value()->size() : Result<std::uint64_t>{0};
  if (!size || size.value() == 0) return false;
  const std::uint64_t from = is_at_end ? size.value() - std::min(size.value(), kTornMax) : 0;
  const std::uint64_t position = from + prng.below(size.value() - from);
  (void)host.disk->flip_bit(path, position, static_cast<unsigned>(prng.below(8)), true);
  VouchChecker::Flipped flipped{.path = path, .position = position};
  const auto read = file.value()->read_at(position, {&flipped.now, 1});
  checker_.note_damage(host);
  checker_.vouching().note_corrupt(host, flipped);
  return read && read.value() == 1;
}

void Cluster::read_through() {
  const auto done = [this](const PartitionRead&) { --reads_left_; };
  const auto topic = image()->topic(shape_.topic);
  for (const auto& host : world_.hosts()) {
    for (int i = 0; i < shape_.partitions; ++i) {
      const PartitionKey key{topic->id, PartitionIndex{i}};
      Partition* const replica = host->broker->shard().partitions().find(key);
      if (replica == nullptr) continue;
      world_.as(*host, [&] {
        for (const BatchView& batch : checker_.committed(key)) {
          ++reads_left_;
          replica->read(batch.base_offset, {.bytes_max = 1}, done);
        }
      });
    }
  }
}

// --- what is asked of the controller

void Cluster::create_topic() {
  for (const auto& host : world_.hosts()) {
    if (!host->is_up() || !host->broker->is_serving()) continue;
    const std::string segment_bytes = std::to_string(shape_.segment_bytes);
    wire::CreateTopicsRequest request;
    request.topics.push_back({.name = shape_.topic,
                              .partition_count = shape_.partitions,
                              .replication_factor = 3,
                              .configs = {{.name = "min.insync.replicas", .value = "2"},
                                          {.name = "segment.bytes", .value = segment_bytes}}});
    world_.as(*host, [&] {
      host->broker->ask(forward(request), kAskMax, [this](const ControllerOutcome& outcome) {
        world_.note("the topic is created: " + outcome.error.message());
      });
    });
    return;
  }
}

void Cluster::reassign(PartitionIndex partition, const std::vector<int>& brokers) {
  Host* const host = controller();
  if (host == nullptr || !may_reassign_) return;
  std::vector<BrokerId> replicas;
  for (const int id : brokers) replicas.emplace_back(id);
  wire::AlterPartitionReassignmentsRequest request;
  request.topics.push_back(
      {.name = shape_.topic, .partitions = {{.index = partition, .replicas = replicas}}});
  world_.as(*host,
            [&] { host->broker->ask(forward(request), kAskMax, [](const ControllerOutcome&) {}); });
}

// --- looks

std::shared_ptr<const MetadataImage> Cluster::image() const {
  std::shared_ptr<const MetadataImage> newest;
  for (const auto& host : world_.hosts()) {
    if (!host->is_up() || host->broker->metadata() == nullptr) continue;
    const auto& image = host->broker->metadata()->image();
    if (newest == nullptr || image->version > newest->version) newest = image;
  }
  return newest;
}

Host* Cluster::controller() const {
  Host* newest = nullptr;
  for (const auto& host : world_.hosts()) {
    const MetadataNode* const node = host->is_up() ? host->broker->metadata() : nullptr;
    if (node == nullptr || !node->is_controller()) continue;
    const bool is_newer =
        newest == nullptr || node->quorum().epoch() > newest->broker->metadata()->quorum().epoch();
    if (is_newer) newest = host.get();
  }
  return newest;
}

Host* Cluster::leader_of(PartitionIndex partition) const {
  const auto newest = image();
  const PartitionImage* const found =
      newest == nullptr ? nullptr : newest->partition(shape_.topic, partition);
  if (found == nullptr || found->leader == kNoBroker) return nullptr;
  Host& host = world_.host(found->leader.value());
  return host.is_up() ? &host : nullptr;
}

bool Cluster::is_formed() const {
  return std::ranges::all_of(world_.hosts(), [&](const auto& host) {
    return host->is_up() && host->broker->is_serving();
  });
}

// As many as there have to be, and none whose disk was replaced.
bool Cluster::all_voters_have_disks(const MetadataNode& controls) const {
  const VoterSet& voters = controls.quorum().voters();
  return voters.size() == kFounders && std::ranges::all_of(voters.all(), [&](const Voter& voter) {
           const BrokerImage* const broker = controls.controller().image().broker(voter.key.node);
           return broker != nullptr && broker->directory == voter.key.directory;
         });
}

bool Cluster::is_lost_disk_replaced() const {
  const Host* const controls = controller();
  if (controls == nullptr) return false;
  const MetadataNode& node = *controls->broker->metadata();
  const auto is_lost = [&](const Voter& voter) { return voter.key.directory == lost_; };
  return all_voters_have_disks(node) && std::ranges::none_of(node.quorum().voters().all(), is_lost);
}

bool Cluster::can_lose_disk_of(const Host& host) const {
  if (world_.network().is_any_cut() || controller() == nullptr) return false;
  const Host& controls = *controller();
  const MetadataNode& node = *controls.broker->metadata();
  const MetadataImage& now = node.controller().image();
  // A voter that is replaced while another change is under way, or one is uncertain, may be one too
  // many.
  const bool is_settled = node.is_controller() && controls.id != host.id &&
                          node.quorum().log().voters_end().offset <= node.quorum().committed();
  if (!is_settled || !all_voters_have_disks(node)) return false;
  for (const auto& other : world_.hosts()) {
    const BrokerImage* const broker = now.broker(BrokerId{other->id});
    const bool is_well =
        other->is_up() && !other->paused && other->broker->is_serving() &&
        other->broker->metadata()->quorum().committed() == node.quorum().committed() &&
        !other->broker->metadata()->quorum().is_uncertain() && broker != nullptr && !broker->fenced;
    if (!is_well) return false;
  }
  const TopicPtr topic = now.topic(shape_.topic);
  return topic != nullptr && std::ranges::all_of(topic->partitions, [&](const auto& partition) {
           const bool have_others = std::ranges::all_of(partition.replicas, [&](BrokerId id) {
             return id.value() == host.id || has(partition.isr, id.value());
           });
           return have_others && partition.replicas.size() == 3 && partition.adding.empty() &&
                  partition.removing.empty() && partition.cut.empty();
         });
}

Host* Cluster::who_adds(const Host& host) const {
  for (int i = 0; i < shape_.partitions; ++i) {
    Host* const leads = leader_of(PartitionIndex{i});
    if (leads == nullptr || leads->paused) continue;
    const PartitionKey key{image()->topic(shape_.topic)->id, PartitionIndex{i}};
    const Partition* const replica = leads->broker->shard().partitions().find(key);
    if (replica == nullptr || replica->leader() == nullptr) continue;
    const IsrSet& isr = replica->leader()->core().isr();
    const ReplicaId added{host.id};
    if (isr.pending() && isr.maximal().contains(added) && !isr.contains(added)) return leads;
  }
  return nullptr;
}

std::string Cluster::unsettled() const {
  const Host* const controls = controller();
  if (controls == nullptr) return "there is no controller";
  const MetadataNode& node = *controls->broker->metadata();
  const MetadataImage& now = node.controller().image();
  if (!all_voters_have_disks(node)) return "the voters are not those who are there";
  for (const auto& host : world_.hosts()) {
    const std::string who = "broker " + std::to_string(host->id);
    if (!host->is_up() || host->broker->metadata() == nullptr) return who + " is not up";
    if (!host->broker->is_serving()) return who + " does not serve";
    const MetadataNode& its = *host->broker->metadata();
    if (its.shown_end() != node.quorum().log_end()) return who + " is behind with the metadata";
    if (its.quorum().is_uncertain()) return who + " is uncertain";
    const BrokerImage* const broker = now.broker(BrokerId{host->id});
    if (broker == nullptr || broker->fenced) return who + " is fenced";
  }
  const TopicPtr topic = now.topic(shape_.topic);
  for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
    const PartitionImage& partition = topic->partitions[i];
    const std::string what = "partition " + std::to_string(i);
    const PartitionKey key{topic->id, PartitionIndex{static_cast<std::int32_t>(i)}};
    if (partition.leader == kNoBroker) return what + " has no leader";
    if (!partition.adding.empty() || !partition.removing.empty()) {
      return what + " is still being reassigned";
    }
    if (partition.isr.size() != partition.replicas.size()) {
      return what + " is not in sync, but for " + std::to_string(partition.isr.size()) + " of " +
             std::to_string(partition.replicas.size());
    }
    const Offset end = checker_.committed_end(key);
    for (const BrokerId id : partition.replicas) {
      const Partition* const replica =
          world_.host(id.value()).broker->shard().partitions().find(key);
      const std::string where = what + " on broker " + std::to_string(id.value());
      if (replica == nullptr) return where + " is not there";
      if (replica->is_cutting() || replica->sizes().flushed_end != end ||
          replica->bounds().log_end_offset != end || replica->bounds().high_watermark != end) {
        return where + " is not where " + text(end) + " is";
      }
      if (id == partition.leader && !replica->leads()) return where + " does not lead";
    }
  }
  return "";
}

void Cluster::note_state() const {
  for (const auto& host : world_.hosts()) {
    if (!host->is_up()) continue;
    for (const auto& [key, replica] : host->broker->shard().partitions().all()) {
      const PartitionBounds bounds = replica->bounds();
      std::string state = "broker " + std::to_string(host->id) + ", partition " +
                          std::to_string(key.partition.value()) + ": log to " +
                          text(bounds.log_end_offset) + ", flushed " +
                          text(replica->sizes().flushed_end) + ", high watermark " +
                          text(bounds.high_watermark) + ", epoch " + text(replica->leader_epoch());
      if (replica->is_cutting()) state += ", is being cut";
      if (replica->leads()) {
        state += ", leads;";
        for (const ReplicaView& view : replica->leader()->core().replicas()) {
          state += " sees " + std::to_string(view.replica.value()) + " at " +
                   text(view.log_end_offset) + (view.in_sync ? " in sync" : "");
        }
      } else if (replica->follower() != nullptr) {
        state += ", follows";
      }
      world_.note(state);
    }
  }
}

}  // namespace strandline::cluster_sim
