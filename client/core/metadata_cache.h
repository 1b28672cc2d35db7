// Which broker leads which partition, as far as a client knows, and when to ask again. Newest
// leader epoch wins, whoever told it: brokers that lag behind must not send a client back to a
// leader that is none any more.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/core/requests.h"
#include "client/core/retry_delay.h"
#include "protocol/base/clock.h"
#include "protocol/base/errc.h"
#include "protocol/base/prng.h"
#include "protocol/base/uuid.h"

namespace strandline::client {

struct Leader {
  BrokerId broker = kNoBroker;
  LeaderEpoch epoch = kNoLeaderEpoch;

  friend bool operator==(const Leader&, const Leader&) = default;
};

struct MetadataConfig {
  RetryDelay retry;
  Duration age_max = std::chrono::minutes{5};  // known leaders are asked for anew after that
  bool create_topics = false;                  // whether asking may create a topic
};

class MetadataCache {
 public:
  // prng   of the core that owns this; outlives it
  MetadataCache(const MetadataConfig& config, Prng& prng) : config_(config), prng_(prng) {}
  MetadataCache(const MetadataCache&) = delete;
  MetadataCache& operator=(const MetadataCache&) = delete;

  // Asks for the topic from now on. Does nothing when it is asked for already.
  void want(Instant now, const std::string& topic);
  void forget(const std::string& topic);

  // Whom to ask about the partition; broker kNoBroker when nobody leads it or it is not known.
  Leader leader(const TopicPartition& partition) const;

  // Why leader() has no broker, or ok while that was not asked yet.
  Errc why_leaderless(const TopicPartition& partition) const;

  // What the last answer said of the topic as a whole.
  Errc topic_error(const std::string& topic) const;

  // A broker that was asked in vain told who leads. True when that was news.
  bool on_hint(const TopicPartition& partition, const wire::CurrentLeader& hint,
               const std::vector<wire::NodeEndpoint>& endpoints);

  // Asks again soon: something did not work out as this says it should.
  void refresh(Instant now);

  // The request that is due now, if any; borrows the names of topics. One at a time: it wants one
  // of the two calls below.
  std::optional<wire::MetadataRequest> take_request(Instant now);
  void on_response(Instant now, const wire::MetadataResponse& response);
  void on_failed(Instant now);

  // When take_request() has one next; nothing while one is under way.
  std::optional<Instant> next_request() const;

  // All brokers, when that has changed since the last call.
  std::optional<LearnBrokers> take_brokers();

 private:
  struct Topic {
    Errc error = Errc::ok;
    bool known = false;
    Uuid id;
    std::map<PartitionIndex, Leader> partitions;
  };

  void learn_topic(const wire::MetadataResponse::Topic& told);
  void learn_broker(BrokerId id, const std::string& host, std::int32_t port);
  bool lacks_leaders() const;

  MetadataConfig config_;
  Prng& prng_;
  std::map<std::string, Topic> topics_;
  std::map<BrokerId, wire::NodeEndpoint> brokers_;
  bool brokers_changed_ = false;
  bool asking_ = false;
  std::int32_t failures_ = 0;      // in a row: no answer, or one without all leaders
  std::optional<Instant> due_;     // when to ask next
  std::optional<Instant> paused_;  // not before
};

}  // namespace strandline::client
