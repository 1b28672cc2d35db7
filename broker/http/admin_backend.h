// What the HTTP side asks the broker. The runtime implements it.
//
// Two steps, because the numbers live on many shards and answering must not wait: AdminSource
// gathers, then the router reads a finished AdminBackend.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/logging/log.h"
#include "broker/metrics/metrics_page.h"

namespace strandline {

struct HealthCheck {
  std::string name;  // "data directory"
  bool ok = true;
  std::string detail;  // for people: what is wrong, or a figure
};

// May clients be served? If not, why not yet.
struct Readiness {
  bool serving = false;
  std::string reason;
};

struct BrokerView {
  std::int32_t node_id = 0;
  std::string host;
  std::int32_t port = 0;
};

struct ClusterView {
  std::string cluster_id;
  std::int32_t controller_id = -1;
  std::vector<BrokerView> brokers;
  std::int64_t topics = 0;
  std::int64_t partitions = 0;
};

struct TopicView {
  std::string name;
  std::string topic_id;
  bool internal = false;
  std::vector<PartitionSample> partitions;  // by number
};

struct SettingView {
  std::string name;
  std::string value;
  std::string source;  // "default", "file", "command line"
};

struct SelfView {
  std::int32_t node_id = 0;
  std::string version;
  std::string commit;
  double uptime_seconds = 0;
  std::string kafka_address;
  std::string http_address;
  std::string data_directory;
  std::vector<SettingView> settings;
};

// A member of the metadata quorum, or an observer of it.
struct QuorumMemberView {
  std::int32_t node_id = 0;
  std::string directory_id;
  std::string rpc_address;  // empty: not known
  bool voter = false;
  std::int64_t flushed_end = -1;  // -1: not known here; the leader knows of all
  std::int64_t heard_ms_ago = -1;
};

// The metadata quorum as this broker sees it.
struct QuorumView {
  std::int32_t node_id = 0;
  std::int32_t leader_id = -1;  // -1: none is known
  std::int32_t epoch = 0;
  std::string role;        // "leader", "follower", "candidate", "prospective", "starting"
  bool uncertain = false;  // it may have lost what it acknowledged, and waits to be told
  std::int64_t committed_end = 0;
  std::int64_t log_end = 0;
  std::int64_t shown_end = 0;             // every shard serves the metadata below
  std::int32_t metadata_version = 0;      // that is finalised; 0: none is yet
  std::int32_t metadata_version_max = 0;  // that this program can work at
  std::vector<QuorumMemberView> members;
};

// Why a question was not answered, or a wish not granted.
struct AdminProblem {
  enum class Kind : std::uint8_t {
    no_such_broker,
    refused,    // it cannot be done as things are
    no_answer,  // the controller did not answer; what became of a wish is not known
  };
  Kind kind = Kind::no_answer;
  std::string text;  // for people
};

struct PartitionAtRiskView {
  std::string topic;
  std::int32_t partition = 0;
  std::string risk;  // "unavailable", "below min.insync.replicas"
  std::string why;   // for people
};

// Whether a broker may be stopped, as the controller sees it.
struct StopView {
  std::optional<AdminProblem> problem;  // with one, nothing below counts
  std::int32_t node_id = 0;
  bool safe = false;
  std::vector<std::string> reasons;  // for people; none when it is safe
  std::int64_t unavailable = 0;      // partitions
  std::int64_t below_min_insync = 0;
  std::vector<PartitionAtRiskView> partitions;  // the first of them
};

// What the wish to take everything off a broker came to.
struct DrainView {
  std::optional<AdminProblem> problem;  // with one, nothing below counts
  std::int32_t node_id = 0;
  std::int64_t moving = 0;  // partitions that are leaving it
};

// A partition that is being given other replicas.
struct ReassignmentView {
  std::string topic;
  std::int32_t partition = 0;
  std::vector<std::int32_t> replicas;  // all there are at present
  std::vector<std::int32_t> adding;
  std::vector<std::int32_t> removing;
  std::vector<std::int32_t> isr;
};

// One consistent answer, read by the router.
//
// Thread   the HTTP server's
class AdminBackend {
 public:
  virtual ~AdminBackend() = default;

  virtual std::string metrics_page() const = 0;
  virtual std::vector<HealthCheck> health() const = 0;
  virtual Readiness readiness() const = 0;
  virtual ClusterView cluster() const = 0;
  virtual std::vector<TopicView> topics() const = 0;  // by name
  virtual std::optional<TopicView> topic(std::string_view name) const = 0;
  virtual SelfView self() const = 0;
  virtual QuorumView quorum() const = 0;
  virtual std::vector<ReassignmentView> reassignments() const = 0;
  virtual StopView safe_to_stop() const = 0;  // of AdminScope::safe_to_stop
  virtual DrainView drain() const = 0;        // of AdminScope::drain

  // The level of all log lines from now on; until the restart, it is not a setting.
  virtual void change_log_level(LogLevel level) { set_log_level(level); }
  virtual LogLevel current_log_level() const { return log_level(); }
};

// How much has to be gathered before a request can be answered.
enum class AdminScope : std::uint8_t {
  broker,        // what is known without asking a shard
  quorum,        // the cluster's loop has to answer
  shards,        // each shard has to answer (a hung one shows)
  partitions,    // each shard tells of its partitions
  safe_to_stop,  // the controller is asked about a broker
  drain,         // the controller is told to take everything off a broker
};

struct AdminQuery {
  static constexpr std::int32_t kThisBroker = -1;

  AdminScope scope = AdminScope::broker;
  std::int32_t broker_id = kThisBroker;  // whom the controller is asked about
};

// Thread   the HTTP server's
class AdminSource {
 public:
  using Done = std::function<void(std::shared_ptr<AdminBackend>)>;

  virtual ~AdminSource() = default;

  // Calls `done` once with what the query needs: inside the call or later, but on the thread that
  // called. May drop it when the broker stops. The server gives up after gather_timeout and answers
  // 503.
  virtual void gather(const AdminQuery& query, Done done) = 0;
};

}  // namespace strandline
