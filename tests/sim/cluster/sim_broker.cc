#include "tests/sim/cluster/sim_broker.h"

#include <utility>

#include "broker/logging/log.h"
#include "broker/server/from_settings.h"
#include "protocol/base/errc.h"
#include "tests/sim/cluster/worker_jobs.h"

namespace strandline::cluster_sim {

void SimDamage::damaged(const Damage& damage) {
  ++damages;
  World::now_running().note("damage in " + damage.file + " at " + std::to_string(damage.position) +
                            ": expected " + damage.expected + ", found " + damage.found);
}

void SimDamage::cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
                    const std::string&) {
  ++cuts;
  World::now_running().note("cut " + std::to_string(bytes) + " bytes of " + file + " at " +
                            std::to_string(position));
}

void SimDamage::rebuilt(const std::string&, const std::string&) {}

SimBroker::SimBroker(World& world, Host& host, Settings settings, std::function<void()> on_fatal)
    : world_(world),
      host_(host),
      settings_(std::move(settings)),
      on_fatal_(std::move(on_fatal)),
      prng_(world.prng().next()),
      incarnation_(make_uuid(prng_)),
      disk_pool_("disk", 4, SenderSlot{1}),
      sync_pool_("sync", 16, SenderSlot{2}),
      idle_pool_("idle", 1, SenderSlot{3}, WorkerPool::Priority::idle),
      metadata_pool_("metadata", 1, SenderSlot{4}),
      buffers_(budget_),
      loop_("shard-0", SenderSlot{0}, 8),
      configs_(settings_) {}

SimBroker::~SimBroker() = default;

bool SimBroker::start() {
  if (!open_data()) return false;
  make_shard();
  if (!open_cluster()) return false;
  loop_.post([this] {
    checkpointer_->start();
    scrubber_->start();
  });
  cluster_->start();
  return true;
}

bool SimBroker::open_data() {
  std::string why;
  auto found = DataDirectory::open(
      *host_.disk, "data",
      {.cluster_id = {}, .node_id = BrokerId{settings_.node_id}, .without_cluster = true}, prng_,
      why);
  if (!found) {
    world_.note("cannot start: " + why);
    return false;
  }
  directory_.emplace(std::move(found).value());
  const Result<bool> was_clean = directory_->take_clean_mark();
  if (!was_clean) return false;
  ended_in_order_ = was_clean.value();
  CheckpointReport report;
  auto points = Checkpoint::open(*host_.disk, report);
  if (!points) return false;
  checkpoint_ = std::move(points).value();
  return PartitionManager::remove_leftovers(*host_.disk).has_value();
}

void SimBroker::make_shard() {
  shard_ = std::make_unique<Shard>(
      0, ShardResources{
             .loop = loop_,
             .metrics = metrics_,
             .disk_pool = disk_pool_,
             .sync_pool = sync_pool_,
             .idle_pool = idle_pool_,
             .refuses_writes = refuses_writes_,
             .refuses_changes = refuses_changes_,
             .settings = settings_,
             .disk = *host_.disk,
             .on_disk_failure = [this] { fail(); },
             .checkpoint = checkpoint_.get(),
             .incarnation = incarnation_,
             .propose_isr = [this](Shard&, IsrRequest request) { propose_isr(std::move(request)); },
             .report_damage =
                 [this](Shard& home, const PartitionKey& key) {
                   tell_controller<DamageRequest>(home, key);
                 },
             .report_stall =
                 [this](Shard& home, const PartitionKey& key) {
                   tell_controller<StallRequest>(home, key);
                 },
             .report_opened =
                 [this](Shard& home, const PartitionKey& key) {
                   tell_controller<OpenedRequest>(home, key);
                 }});
  shard_->set_peers({shard_.get()});
  checkpointer_ = std::make_unique<Checkpointer>(*shard_, *checkpoint_, *host_.disk);
  manager_ = std::make_unique<PartitionManager>(*shard_, *host_.disk, *checkpoint_, damage_);
  scrub_line_.set_rate(steady_now(), settings_.scrub_rate);
  scrubber_ = std::make_unique<Scrubber>(*shard_, scrub_line_);
  replicas_ = std::make_unique<ReplicaLinks>(
      *shard_, buffers_, budget_,
      RpcIdentity{.cluster_id = directory_->identity().cluster_id,
                  .node_id = BrokerId{settings_.node_id},
                  .directory_id = directory_->identity().directory_id,
                  .incarnation = incarnation_});
  auto nothing = std::make_shared<MetadataImage>();
  nothing->cluster_id = directory_->identity().cluster_id;
  shard_->set_image(nothing);
}

bool SimBroker::open_cluster() {
  cluster_ = std::make_unique<ClusterNode>(
      ClusterNode::Surroundings{.settings = settings_,
                                .disk = *host_.disk,
                                .checkpoint = *checkpoint_,
                                .directory = *directory_,
                                .damage = damage_,
                                .worker = metadata_pool_,
                                .configs = configs_,
                                .budget = budget_,
                                .controller = controller_config(settings_),
                                .incarnation = incarnation_,
                                .clean = ended_in_order_,
                                .shards = 1,
                                .seed = prng_.next(),
                                .slot = SenderSlot{5},
                                .senders = 8},
      cluster_hooks());
  const auto problem = cluster_->open();
  if (problem) world_.note("cannot start: " + *problem);
  return !problem;
}

ClusterNode::Hooks SimBroker::cluster_hooks() {
  return {
      .show =
          [this](std::shared_ptr<const MetadataImage> image, std::function<void()> shown) {
            loop_.post([this, image = std::move(image), shown = std::move(shown)] {
              manager_->apply(image, [this, shown] {
                findings_ = manager_->findings();
                shown();
              });
            });
          },
      .findings = [this] { return findings(); },
      .joined =
          [this](const Uuid& cluster_id) {
            loop_.post([this, cluster_id] { replicas_->join_cluster(cluster_id); });
          },
      .adopt =
          [this](std::uint32_t, int native_handle, const RpcHello& hello) {
            loop_.post([this, native_handle, hello] { replicas_->adopt(native_handle, hello); });
          },
      .nobody_else_led_until =
          [this](const BrokerMoment& until) {
            loop_.post([this, until] { shard_->set_nobody_else_led_until(until); });
          },
      .in_touch =
          [this](bool in_touch, Duration stuck_after) {
            loop_.post(
                [this, in_touch, stuck_after] { shard_->set_in_touch(in_touch, stuck_after); });
          },
      .disk_full = [this] { return refuses_changes_.load(std::memory_order_relaxed); },
      .kafka_address = [this] { return HostPort{"10.0.0." + std::to_string(host_.id), 9092}; },
      .serving = [this] { serving_ = true; },
      .failed = [this](const ErrorCode&) { fail(); }};
}

// As Broker::State does it.
BrokerFindings SimBroker::findings() const {
  BrokerFindings all;
  for (const auto& [place, last_epoch, end] : findings_.cut) {
    all.cut.push_back({{place.topic_id, place.partition}, {last_epoch, end}});
  }
  for (const PartitionKey& place : findings_.damaged) {
    all.damaged.push_back({place.topic_id, place.partition});
  }
  for (const PartitionKey& place : findings_.unopened) {
    all.unopened.push_back({place.topic_id, place.partition});
  }
  return all;
}

void SimBroker::propose_isr(IsrRequest request) {
  if (!isr_requests_.add(std::move(request))) return;
  loop_.at_end_of_turn([this] { send_isr_requests(); });
}

void SimBroker::send_isr_requests() {
  constexpr Duration kWait = std::chrono::seconds{5};
  const BrokerImage* self = shard_->image()->broker(shard_->broker_id());
  const std::int64_t broker_epoch = self == nullptr ? -1 : self->broker_epoch;
  for (auto& [request, answered] : isr_requests_.take(shard_->broker_id(), broker_epoch)) {
    if (self != nullptr) ask(std::move(request), kWait, std::move(answered));
  }
}

template <class Request>
void SimBroker::tell_controller(Shard& home, const PartitionKey& key) {
  constexpr Duration kWait = std::chrono::seconds{30};
  const BrokerImage* self = home.image()->broker(home.broker_id());
  if (self == nullptr) return;
  ask(Request{.broker = self->id,
              .broker_epoch = self->broker_epoch,
              .places = {{key.topic_id, key.partition}}},
      kWait, [](const ControllerOutcome&) {});
}

void SimBroker::ask(ControllerRequest request, Duration time_max, OnControllerOutcome done) {
  cluster_->ask(loop_, std::move(request), time_max, std::move(done));
}

void SimBroker::fail() {
  world_.note("the process leaves: its disk failed");
  host_.leaving = true;
  on_fatal_();
}

// --- its end

void SimBroker::end(const CrashModel& model, Network::Death death) {
  Host& host = host_;
  world_.as(host, [&] {
    host.leaving = true;
    world_.network().on_death(host, death);
    std::vector<Task> dropped = world_.purge(host);
    // Nothing below reaches the disk any more.
    host.disk->crash(model);
    if (cluster_ != nullptr) {
      host.runs_posts_at_once = true;
      cluster_->close();
      host.runs_posts_at_once = false;
    }
    if (scrubber_ != nullptr) scrubber_->stop();
    if (replicas_ != nullptr) replicas_->stop();
    for (const WorkerPool* pool : {&disk_pool_, &sync_pool_, &idle_pool_, &metadata_pool_}) {
      WorkerJobs::drop(*pool);
    }
    dropped.clear();
    host.broker.reset();  // this object
    host.leaving = false;
    host.paused = false;
  });
}

void SimBroker::stop(std::function<void()> done) {
  cluster_->stop([this, done = std::move(done)] {
    loop_.post([this, done] {
      scrubber_->stop();
      replicas_->stop();
      checkpointer_->finish([this, done] {
        (void)directory_->leave_clean_mark();
        done();
      });
    });
  });
}

}  // namespace strandline::cluster_sim
