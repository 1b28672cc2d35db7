// The producer: takes records, gathers them into batches by partition, brings these to the leaders,
// and says of each record what became of it, once. What happens to the batches of one partition is
// told in produce_queue.h; this decides what goes into which request, to whom, and when.
//
// Thread   one owner
// Owns     records it took, until their outcome
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

#include "client/core/metadata_cache.h"
#include "client/core/produce_queue.h"
#include "client/core/requests.h"
#include "protocol/base/clock.h"
#include "protocol/base/prng.h"
#include "protocol/base/result.h"

namespace strandline::client {

struct ProducerConfig {
  std::int16_t acks = -1;  // -1 all in-sync replicas, 1 the leader, 0 nobody
  // Each record at most once, and those of a partition in order; needs acks -1, in_flight_max <= 5.
  // Without it a retry may write a record twice, and order is kept with in_flight_max 1 alone.
  bool idempotent = true;
  std::size_t batch_bytes_max = 65'536;  // of one batch; a larger record gets one of its own
  Duration linger = std::chrono::milliseconds{5};        // how long a batch may wait to be filled
  std::size_t buffer_bytes_max = std::size_t{32} << 20;  // of records without an outcome
  std::size_t request_bytes_max = std::size_t{1}
                                  << 20;  // of batches in one request, before headers
  std::size_t in_flight_max = 5;          // requests to one broker
  Duration delivery_timeout = std::chrono::seconds{120};  // from append() to the outcome at most
  Duration request_timeout = std::chrono::seconds{30};    // how long a broker may wait for replicas
  RetryDelay retry;
  BatchCodec codec;
  Duration metadata_age_max = std::chrono::minutes{5};
  bool create_topics = false;  // whether a topic that is not there may be made by asking for it

  // What is wrong with it, in a few words; empty when nothing is.
  std::string_view problem() const;
};

// Effect: these records have their outcome. Exactly one for every record taken.
struct RecordsSettled {
  TopicPartition partition;
  ProduceOutcome outcome;
};

// Effect: append() refused a record for want of room, and now there is some.
struct BufferHasRoom {};

using ProducerEffect = std::variant<SendRequest, LearnBrokers, RecordsSettled, BufferHasRoom>;

class ProducerCore {
 public:
  // seed     of jitter
  // Needs    config.problem() is empty
  ProducerCore(const ProducerConfig& config, std::uint64_t seed);
  ProducerCore(const ProducerCore&) = delete;
  ProducerCore& operator=(const ProducerCore&) = delete;

  // Takes a record; what it points to is copied.
  //
  // Errors   producer_buffer_full   try again after BufferHasRoom
  //          message_too_large      it fits in no request
  //          any other              no record is taken any more: brokers refuse this producer for
  //          good
  Result<RecordId> append(Instant now, const TopicPartition& partition, const RecordInput& record);

  // What was appended so far does not wait for its batch to fill.
  void flush(Instant now);

  // What came of a request, see SendRequest. An answer of another kind counts as a failure, one to
  // a request that is settled already as nothing.
  void on_response(Instant now, RequestId id, const ResponseBody& response);
  void on_failed(Instant now, RequestId id, const ErrorCode& error, Delivery delivery);
  void on_sent(Instant now, RequestId id);

  void on_timeout(Instant now);                 // early and repeated calls do no harm
  std::optional<Instant> next_timeout() const;  // the shell sleeps until then
  std::vector<ProducerEffect> take_effects();   // drained after every input

  std::size_t buffered_bytes() const { return buffered_bytes_; }
  std::uint64_t unsettled_records() const { return unsettled_records_; }

  void assert_invariants() const;

 private:
  using Queues = std::map<TopicPartition, ProduceQueue>;

  struct Shipment {
    Queues::value_type* from = nullptr;  // entries of queues_ stay where they are
    std::uint64_t serial = 0;
  };

  struct InFlight {
    BrokerId broker;
    std::vector<Shipment> shipments;
  };

  struct Broker {
    std::size_t in_flight = 0;
    std::optional<Instant> throttled_until;
  };

  // A request that is being filled.
  struct Cargo {
    std::size_t bytes = 0;
    std::map<std::string_view, std::vector<wire::ProduceRequest::Partition>> topics;
    std::vector<Shipment> shipments;
  };

  // producer_core.cc
  void step(Instant now);
  void settle_all(Instant now);
  void collect_outcomes(const TopicPartition& partition, ProduceQueue& queue);
  void refuse_topics(Instant now);
  void fail(const ErrorCode& error);

  // producer_requests.cc
  void ask_metadata(Instant now);
  void ask_identity(Instant now);
  void renew_identities();
  void ship(Instant now);
  bool fill_cargo(Instant now, std::map<BrokerId, Cargo>& cargo);
  void send_cargo(BrokerId broker, Cargo& cargo);
  bool may_send_to(Instant now, BrokerId broker);
  RequestId send(BrokerId broker, RequestBody body);

  // producer_answers.cc
  std::optional<InFlight> landed(RequestId id);
  void on_metadata(Instant now, const wire::MetadataResponse& response);
  void on_produce(Instant now, const InFlight& request, const wire::ProduceResponse& response);
  void on_produced(Instant now, BrokerId by, const Shipment& shipment,
                   const wire::ProduceResponse::Partition& answer,
                   const std::vector<wire::NodeEndpoint>& endpoints);
  void on_identity(Instant now, const wire::InitProducerIdResponse& response);
  void on_no_identity(Instant now, const ErrorCode& error);
  void on_lost(Instant now, const InFlight& request, const ErrorCode& error, Delivery delivery);

  ProducerConfig config_;
  ProduceQueueConfig queue_config_;
  Prng prng_;
  Codecs codecs_;
  MetadataCache metadata_;
  Queues queues_;
  std::set<TopicPartition> active_;  // those whose queue is not empty
  std::optional<TopicPartition>
      turn_;  // whose batch went out last: the next request begins behind it
  std::map<BrokerId, Broker> brokers_;
  std::map<RequestId, InFlight> in_flight_;
  std::uint64_t last_request_ = 0;
  std::uint64_t last_record_ = 0;
  std::optional<RequestId> metadata_request_;
  std::optional<RequestId> identity_request_;
  ProducerIdentity identity_;
  std::int32_t identity_failures_ = 0;
  std::optional<Instant> identity_due_;
  std::size_t buffered_bytes_ = 0;
  std::uint64_t unsettled_records_ = 0;
  RecordId flushed_last_{};  // records up to here do not linger
  bool refused_for_room_ = false;
  ErrorCode fatal_;
  Instant now_{};
  std::vector<ProducerEffect> effects_;
};

}  // namespace strandline::client
