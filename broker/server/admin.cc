#include "broker/server/admin.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "broker/partition/partition.h"
#include "broker/server/controller_views.h"
#include "broker/version.h"
#include "protocol/wire/api_table.h"

namespace strandline {
namespace {

// Less than an HTTP request is let wait, so that the answer says who kept it waiting.
constexpr Duration kControllerWait = std::chrono::seconds{4};

std::string_view api_name(std::int16_t key) {
  const wire::ApiInfo* api = wire::find_api(key);
  return api == nullptr ? std::string_view{} : api->name;
}

}  // namespace

// What was asked for; the rest is empty.
struct BrokerAdmin::Gathered {
  std::vector<PartitionSample> partitions;
  QuorumView quorum;
  StopView stop;
  DrainView drain;
};

// One answer; what it shows is as of when it was gathered.
class BrokerAdmin::View final : public AdminBackend {
 public:
  View(const BrokerAdmin& admin, Gathered gathered)
      : admin_(admin), gathered_(std::move(gathered)) {}

  std::string metrics_page() const override {
    std::vector<const ShardMetrics*> shards;
    for (Shard* shard : admin_.shards_) shards.push_back(&shard->metrics());
    const DiskSpace space = admin_.sources_.guard.space();
    MetricsInput input{.shards = shards, .partitions = gathered_.partitions};
    input.broker.version = kVersion;
    input.broker.commit = kCommit;
    input.broker.broker_id = admin_.sources_.settings.node_id;
    input.broker.serving = admin_.serving_;
    input.broker.uptime_seconds = uptime();
    input.broker.connections_max = admin_.sources_.settings.max_connections;
    input.broker.memory_budget_bytes = admin_.sources_.settings.memory_budget_bytes;
    input.broker.memory_used_bytes = static_cast<std::int64_t>(admin_.sources_.budget.used());
    input.broker.data_disk_free_bytes = static_cast<std::int64_t>(space.available_bytes);
    input.broker.data_disk_total_bytes = static_cast<std::int64_t>(space.total_bytes);
    input.broker.disk_full = admin_.sources_.first.refuses_writes();
    input.broker.open_files = static_cast<std::int64_t>(admin_.sources_.disk.open_files());
    input.broker.open_files_exceeded = admin_.sources_.disk.limit_exceeded();
    input.broker.damage_found = admin_.sources_.damage.damage_count();
    input.broker.tails_cut = admin_.sources_.damage.cut_count();
    input.broker.files_rebuilt = admin_.sources_.damage.rebuilt_count();
    std::vector<StraySample> strays;
    for (const StrayDirectory& stray : admin_.sources_.strays.strays()) {
      strays.push_back({stray.directory, stray.bytes});
    }
    input.strays = strays;
    input.process = sample_process();
    input.log = log_counts();
    input.api_name = api_name;
    return render_metrics(input) + render_rpc_metrics(admin_.rpc_loops_);
  }

  std::vector<HealthCheck> health() const override {
    std::vector<HealthCheck> checks;
    checks.push_back({.name = "shards", .detail = std::to_string(admin_.shards_.size())});
    checks.push_back(disk_space());
    const auto offline = std::count_if(gathered_.partitions.begin(), gathered_.partitions.end(),
                                       [](const PartitionSample& p) { return p.offline; });
    checks.push_back(
        {.name = "partitions",
         .ok = offline == 0,
         .detail = offline == 0 ? "all online" : std::to_string(offline) + " offline"});
    return checks;
  }

  Readiness readiness() const override {
    return {.serving = admin_.serving_, .reason = admin_.serving_ ? "" : "starting or stopping"};
  }

  ClusterView cluster() const override {
    const MetadataImage& image = *admin_.sources_.first.image();
    ClusterView view{.cluster_id = to_text(image.cluster_id),
                     .controller_id = admin_.sources_.cluster.controller_id(),
                     .topics = static_cast<std::int64_t>(image.topics.size()),
                     .partitions = image.partition_count};
    for (const BrokerImage* broker : image.live_brokers()) {
      const HostPort address = broker->advertised.value_or(admin_.kafka_);
      view.brokers.push_back({broker->id.value(), address.host, address.port});
    }
    return view;
  }

  std::vector<TopicView> topics() const override {
    std::map<std::string, std::vector<PartitionSample>> by_topic;
    for (const PartitionSample& sample : gathered_.partitions)
      by_topic[sample.topic].push_back(sample);
    std::vector<TopicView> views;
    for (const TopicPtr& topic : admin_.sources_.first.image()->topics_sorted()) {
      TopicView& view = views.emplace_back();
      view.name = topic->name;
      view.topic_id = to_text(topic->id);
      view.internal = topic->is_internal;
      view.partitions = std::move(by_topic[topic->name]);
      std::sort(view.partitions.begin(), view.partitions.end(),
                [](const auto& a, const auto& b) { return a.partition < b.partition; });
    }
    return views;
  }

  std::optional<TopicView> topic(std::string_view name) const override {
    for (TopicView& view : topics()) {
      if (view.name == name) return std::move(view);
    }
    return std::nullopt;
  }

  QuorumView quorum() const override { return gathered_.quorum; }

  std::vector<ReassignmentView> reassignments() const override {
    return reassignment_views(*admin_.sources_.first.image());
  }

  StopView safe_to_stop() const override { return gathered_.stop; }
  DrainView drain() const override { return gathered_.drain; }

  SelfView self() const override {
    const Settings& settings = admin_.sources_.settings;
    SelfView view{.node_id = settings.node_id,
                  .version = kVersion,
                  .commit = kCommit,
                  .uptime_seconds = uptime(),
                  .kafka_address = to_text(admin_.kafka_),
                  .http_address = admin_.http_,
                  .data_directory = settings.data};
    for (const SettingDef& def : setting_defs()) {
      const bool given =
          std::find(settings.given.begin(), settings.given.end(), def.key) != settings.given.end();
      view.settings.push_back({std::string{def.key}, setting_text(settings, def),
                               given ? "file or command line" : "default"});
    }
    return view;
  }

 private:
  HealthCheck disk_space() const {
    HealthCheck check{.name = "disk space", .ok = !admin_.sources_.first.refuses_writes()};
    if (admin_.sources_.first.refuses_changes()) {
      check.ok = false;
      check.detail = "below disk.watermark.stop.bytes: produce and changes are refused";
    } else if (!check.ok) {
      check.detail = "below disk.watermark.refuse.bytes: produce is refused";
    } else {
      check.detail = std::to_string(admin_.sources_.guard.space().available_bytes) + " bytes free";
    }
    return check;
  }

  double uptime() const {
    return std::chrono::duration<double>(steady_now() - admin_.started_).count();
  }

  const BrokerAdmin& admin_;
  const Gathered gathered_;
};

struct BrokerAdmin::Gathering {
  Gathered gathered;
  std::size_t outstanding = 0;
  Done done;
};

BrokerAdmin::BrokerAdmin(Sources sources) : sources_(sources), started_(steady_now()) {}

void BrokerAdmin::set_addresses(HostPort kafka, std::string http) {
  kafka_ = std::move(kafka);
  http_ = std::move(http);
}

void BrokerAdmin::gather(const AdminQuery& query, Done done) {
  switch (query.scope) {
    case AdminScope::broker: return done(std::make_shared<View>(*this, Gathered{}));
    case AdminScope::quorum:
      return sources_.cluster.describe(sources_.first.loop(), [this, done](QuorumView quorum) {
        done(std::make_shared<View>(*this, Gathered{.quorum = std::move(quorum)}));
      });
    case AdminScope::shards:
    case AdminScope::partitions: return gather_partitions(std::move(done));
    case AdminScope::safe_to_stop:
    case AdminScope::drain: return ask_controller(query, std::move(done));
  }
}

void BrokerAdmin::ask_controller(const AdminQuery& query, Done done) {
  const bool is_drain = query.scope == AdminScope::drain;
  const bool is_this = query.broker_id == AdminQuery::kThisBroker;
  const BrokerId broker = is_this ? sources_.first.broker_id() : BrokerId{query.broker_id};
  ControllerRequest request = SafeToStopRequest{broker};
  if (is_drain) request = DrainRequest{broker};
  sources_.cluster.ask(sources_.first.loop(), std::move(request), kControllerWait,
                       [this, broker, is_drain, done](const ControllerOutcome& outcome) {
                         Gathered gathered;
                         if (is_drain) {
                           gathered.drain = drain_view(broker, outcome);
                         } else {
                           gathered.stop = stop_view(broker, outcome);
                         }
                         done(std::make_shared<View>(*this, std::move(gathered)));
                       });
}

void BrokerAdmin::gather_partitions(Done done) {
  auto gathering = std::make_shared<Gathering>();
  gathering->outstanding = shards_.size();
  gathering->done = std::move(done);
  for (Shard* shard : shards_) {
    // Passed on whole, so that its last share goes on this thread.
    shard->loop().post([this, shard, passed = gathering]() mutable {
      auto samples = std::make_shared<std::vector<PartitionSample>>(sample(*shard));
      sources_.first.loop().post([this, gathering = std::move(passed), samples] {
        std::move(samples->begin(), samples->end(),
                  std::back_inserter(gathering->gathered.partitions));
        if (--gathering->outstanding == 0) gathered(gathering);
      });
    });
  }
}

void BrokerAdmin::gathered(const std::shared_ptr<Gathering>& gathering) {
  gathering->done(std::make_shared<View>(*this, std::move(gathering->gathered)));
}

// As the image has it: an index that is there has a log here, or had one until now.
void BrokerAdmin::count_replicas(Shard& shard, const PartitionKey& key, PartitionSample& sample) {
  const TopicPtr topic = shard.image()->topic(key.topic_id);
  const auto index = static_cast<std::size_t>(key.partition.value());
  if (topic == nullptr || index >= topic->partitions.size()) return;
  const PartitionImage& partition = topic->partitions[index];
  sample.replicas = static_cast<std::int32_t>(partition.replicas.size());
  sample.in_sync = static_cast<std::int32_t>(partition.isr.size());
  sample.under_min_isr = sample.in_sync < shard.topic_config(*topic)->min_insync_replicas;
}

std::vector<PartitionSample> BrokerAdmin::sample(Shard& shard) {
  std::vector<PartitionSample> samples;
  samples.reserve(shard.partitions().all().size());
  for (const auto& [key, partition] : shard.partitions().all()) {
    const PartitionBounds bounds = partition->bounds();
    const PartitionSizes sizes = partition->sizes();
    samples.push_back({.topic = partition->topic(),
                       .partition = key.partition.value(),
                       .leader_id = partition->leader_id().value(),
                       .leader_epoch = partition->leader_epoch().value(),
                       .offline = partition->is_offline(),
                       .log_start_offset = bounds.log_start_offset.value(),
                       .log_end_offset = bounds.log_end_offset.value(),
                       .high_watermark = bounds.high_watermark.value(),
                       .flushed_end = sizes.flushed_end.value(),
                       .size_bytes = static_cast<std::int64_t>(sizes.bytes),
                       .segments = static_cast<std::int64_t>(sizes.segments)});
    count_replicas(shard, key, samples.back());
  }
  for (const PartitionKey& key : shard.partitions().offline()) {
    const TopicPtr topic = shard.image()->topic(key.topic_id);
    const auto index = static_cast<std::size_t>(key.partition.value());
    const BrokerId leader = topic == nullptr ? kNoBroker : topic->partitions[index].leader;
    samples.push_back({.topic = topic == nullptr ? to_text(key.topic_id) : topic->name,
                       .partition = key.partition.value(),
                       .leader_id = leader.value(),
                       .offline = true});
  }
  return samples;
}

}  // namespace strandline
