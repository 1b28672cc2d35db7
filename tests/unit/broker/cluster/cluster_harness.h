// Brokers of one process as members of a cluster: their control loops over real connections, each
// with a simulated disk, and no shards behind them.
//
// Thread   the test's
#pragma once

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "broker/cluster/cluster_node.h"
#include "broker/runtime/mailbox.h"
#include "storage/io/sim_disk.h"

namespace strandline {

// Slots of the threads: a loop and a worker for each of up to kMembersMax, and the test.
inline constexpr int kMembersMax = 4;
inline constexpr std::size_t kMemberSenders = 2 * kMembersMax + 1;

class MemberDamage final : public DamageReporter {
 public:
  void damaged(const Damage&) override { ++count; }
  void cut(const std::string&, std::uint64_t, std::uint64_t, const std::string&) override {}
  void rebuilt(const std::string&, const std::string&) override {}

  std::atomic<int> count{0};
};

// Tests that run at the same time have addresses of their own, and one that is over leaves none in
// use that the next wants.
inline HostPort member_address(int place) {
  const auto pid = static_cast<unsigned>(::getpid());
  const auto part = [&](unsigned shift) { return std::to_string((pid >> shift) & 255); };
  return {"127." + part(16) + "." + part(8) + "." + part(0),
          static_cast<std::uint16_t>(19'500 + place)};
}

// One start of a broker.
class ClusterMember {
 public:
  // place   of its threads and its address; below kMembersMax
  ClusterMember(int place, std::uint64_t start, SimDisk& disk, Settings given)
      : settings_(std::move(given)),
        worker_("metadata", 1, SenderSlot{static_cast<std::size_t>(kMembersMax + place)}) {
    Prng prng{start};
    std::string why;
    auto opened = DataDirectory::open(
        disk, "/data", {.node_id = BrokerId{settings_.node_id}, .without_cluster = true}, prng,
        why);
    INFO(why);
    REQUIRE(opened.has_value());
    directory_.emplace(std::move(opened).value());
    CheckpointReport report;
    checkpoint_ = Checkpoint::open(disk, report).value();
    configs_ = std::make_unique<ConfigView>(settings_);
    incarnation = make_uuid(prng);
    node = std::make_unique<ClusterNode>(
        ClusterNode::Surroundings{.settings = settings_,
                                  .disk = disk,
                                  .checkpoint = *checkpoint_,
                                  .directory = *directory_,
                                  .damage = damage_,
                                  .worker = worker_,
                                  .configs = *configs_,
                                  .budget = budget_,
                                  .controller = {.self = BrokerId{settings_.node_id}},
                                  .incarnation = incarnation,
                                  .shards = 1,
                                  .shard_loops = {},
                                  .seed = prng.next(),
                                  .slot = SenderSlot{static_cast<std::size_t>(place)},
                                  .senders = kMemberSenders},
        hooks());
    const auto problem = node->open();
    INFO(problem.value_or(""));
    REQUIRE_FALSE(problem);
    node->start();
  }
  // Its connections break, as those of a process that is gone.
  ~ClusterMember() {
    worker_.stop();
    node->close();
    node.reset();
  }
  ClusterMember(const ClusterMember&) = delete;
  ClusterMember& operator=(const ClusterMember&) = delete;

  std::shared_ptr<const MetadataImage> image() const {
    const std::lock_guard lock{mutex_};
    return image_;
  }
  bool knows(BrokerId broker, bool fenced) const {
    const auto now = image();
    const BrokerImage* const known = now == nullptr ? nullptr : now->broker(broker);
    return known != nullptr && known->fenced == fenced;
  }
  bool controls() const { return node->controller_id() == settings_.node_id; }

  ControllerOutcome ask(ControllerRequest request) {
    auto answered = std::make_shared<std::promise<ControllerOutcome>>();
    auto outcome = answered->get_future();
    node->ask(node->loop(), std::move(request), std::chrono::seconds{15},
              [answered](ControllerOutcome told) { answered->set_value(std::move(told)); });
    REQUIRE(outcome.wait_for(std::chrono::seconds{20}) == std::future_status::ready);
    return outcome.get();
  }
  std::optional<ProducerId> next_producer_id() {
    auto answered = std::make_shared<std::promise<std::optional<ProducerId>>>();
    auto outcome = answered->get_future();
    node->next_producer_id(node->loop(), [answered](const Result<ProducerId>& id) {
      answered->set_value(id ? std::optional{id.value()} : std::nullopt);
    });
    REQUIRE(outcome.wait_for(std::chrono::seconds{20}) == std::future_status::ready);
    return outcome.get();
  }
  // Hands over what it has; returns whether that came to an end.
  bool stop() {
    auto stopped = std::make_shared<std::promise<void>>();
    auto outcome = stopped->get_future();
    node->stop([stopped] { stopped->set_value(); });
    return outcome.wait_for(std::chrono::seconds{20}) == std::future_status::ready;
  }

  std::unique_ptr<ClusterNode> node;
  Uuid incarnation;
  std::atomic<bool> serves{false};
  std::atomic<bool> in_touch{true};
  std::atomic<int> failures{0};
  std::atomic<std::int64_t> nobody_else_led_until{kNoTimestamp.value()};

 private:
  ClusterNode::Hooks hooks() {
    return {
        .show =
            [this](std::shared_ptr<const MetadataImage> image, std::function<void()> shown) {
              {
                const std::lock_guard lock{mutex_};
                image_ = std::move(image);
              }
              shown();
            },
        .findings = [] { return BrokerFindings{}; },
        .joined = [](const Uuid&) {},
        .adopt = [](std::uint32_t, int native_handle, const RpcHello&) { ::close(native_handle); },
        .nobody_else_led_until =
            [this](const BrokerMoment& until) { nobody_else_led_until = until.wall.value(); },
        .in_touch = [this](bool is_in_touch, Duration) { in_touch = is_in_touch; },
        .disk_full = [] { return false; },
        .kafka_address = [] { return HostPort{"127.0.0.1", 9092}; },
        .serving = [this] { serves = true; },
        .failed = [this](const ErrorCode&) { ++failures; }};
  }

  Settings settings_;
  MemberDamage damage_;
  MemoryBudget budget_{1 << 28};
  WorkerPool worker_;
  std::optional<DataDirectory> directory_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<ConfigView> configs_;
  mutable std::mutex mutex_;
  std::shared_ptr<const MetadataImage> image_;
};

// Brokers 1 to n, all of them voters.
class ClusterHarness {
 public:
  explicit ClusterHarness(int brokers, std::int64_t session_timeout_ms = 60'000)
      : session_timeout_ms_(session_timeout_ms) {
    set_sender_slot(SenderSlot{kMemberSenders - 1});
    for (int node = 1; node <= brokers; ++node) {
      if (node > 1) voters_ += ",";
      voters_ += std::to_string(node) + "@" + to_text(member_address(node - 1));
    }
    for (int node = 1; node <= brokers; ++node) start(node);
    for (int node = 1; node <= brokers; ++node) {
      REQUIRE(reaches([&] { return (*this)[node].serves.load(); }));
      // The founder votes alone at first, and takes the others in.
      REQUIRE(reaches([&] {
        return brokers == 1 || std::cmp_equal((*this)[node].image()->voters.voters.size(), brokers);
      }));
    }
  }
  ClusterHarness(const ClusterHarness&) = delete;
  ClusterHarness& operator=(const ClusterHarness&) = delete;

  Settings settings_of(int node, int place) const {
    Settings settings;
    settings.node_id = node;
    settings.rpc_listen = member_address(place);
    settings.broker_session_timeout_ms = session_timeout_ms_;
    return settings;
  }
  void start(int node) {
    Settings settings = settings_of(node, node - 1);
    settings.cluster_voters = voters_;
    start(node, node - 1, node, std::move(settings));
  }
  // `name` is for operator[]; another disk has another one.
  void start(int name, int place, int disk, Settings settings) {
    disks_.try_emplace(disk, static_cast<std::uint64_t>(disk));
    members_[name] =
        std::make_unique<ClusterMember>(place, ++starts_, disks_.at(disk), std::move(settings));
  }
  // As kill -9: what it wrote stays in the page cache.
  void kill(int name) {
    members_.erase(name);
    disks_.at(name).crash(CrashModel::process_kill());
  }

  ClusterMember& operator[](int name) { return *members_.at(name); }
  bool has(int name) const { return members_.contains(name); }

  // The member that decides, once there is one that all agree on; 0: there is none.
  int controller() {
    int found = 0;
    const bool agree = reaches([&] {
      found = 0;
      for (const auto& [name, member] : members_) {
        if (member->controls()) found = name;
      }
      for (const auto& [name, member] : members_) {
        if (member->node->controller_id() != found) return false;
      }
      return found != 0;
    });
    return agree ? found : 0;
  }

  // The limit is there to end a test that fails.
  template <class Condition>
  static bool reaches(Condition condition) {
    const Instant limit = steady_now() + std::chrono::seconds{20};
    while (!condition()) {
      if (steady_now() > limit) return false;
      pause(std::chrono::milliseconds{1});
    }
    return true;
  }
  static void pause(std::chrono::milliseconds time) {
    timespec wait{.tv_sec = 0, .tv_nsec = time.count() * 1'000'000};
    ::nanosleep(&wait, nullptr);
  }

 private:
  std::int64_t session_timeout_ms_;
  std::string voters_;
  std::uint64_t starts_ = 0;
  std::map<int, SimDisk> disks_;
  std::map<int, std::unique_ptr<ClusterMember>> members_;
};

}  // namespace strandline
