#include "broker/handlers/fetch.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/handlers/topic_lookup.h"
#include "broker/partition/leader_role.h"
#include "broker/partition/partition.h"
#include "broker/partition/partitioned_op.h"
#include "protocol/wire/messages/fetch.h"

namespace strandline {
namespace {

constexpr std::int8_t kTimeStatementVersion = 1;

struct FetchItem {
  std::size_t topic = 0;      // place in the request
  std::size_t partition = 0;  // place in the topic's list
  PartitionKey key;
  Errc refused = Errc::ok;  // before any partition was asked
  // The outcome of the last look.
  Errc error = Errc::ok;
  PartitionRead read;
  wire::FetchResponse::EpochEnd diverging;
  BrokerId preferred = kNoBroker;  // nearer to the consumer
  std::optional<TimeStatement> time;
  bool held = false;  // a new leader does not show how far it is
  bool watched = false;
};

// collecting -> answered, or collecting -> waiting -> collecting … until enough has come, something
// needs to be told at once, or the time is over.
class FetchOp : public PartitionedOp<FetchOp, FetchItem> {
 public:
  FetchOp(Call call, wire::FetchRequest request)
      : PartitionedOp(call.shard()), call_(std::move(call)), request_(std::move(request)) {}

  void start() {
    // An incremental session could only be one that we never gave out.
    if (request_.session_epoch > 0) return refuse(Errc::fetch_session_id_not_found);
    bytes_max_ =
        std::min<std::int64_t>(std::max(request_.bytes_max, 0), home().settings().fetch_max_bytes);
    resolve_all();
    if (request_.wait_ms_max > 0) {
      number_ = home().waiting_fetches().add([self = weak_from_this()] {
        if (const auto op = self.lock()) op->wake();
      });
      timeout_ = home().loop().after(std::chrono::milliseconds{request_.wait_ms_max},
                                     [self = weak_from_this()] {
                                       if (const auto op = self.lock()) op->expire();
                                     });
    }
    collect();
  }

  void goes_to(std::optional<ShardIndex> shard) { call_.connection().worked_at(shard); }

  ShardIndex shard_of(const FetchItem& item) const {
    return home().owner_of(item.key.topic_id, item.key.partition);
  }

  void run(Shard& shard, Part& part, FetchItem& item) {
    item.error = Errc::ok;
    item.read = PartitionRead{};
    item.preferred = kNoBroker;
    item.time.reset();
    item.held = false;
    Partition* partition = shard.partitions().find(item.key);
    if (partition == nullptr) {
      item.error = shard.partitions().absent_error(item.key);
      return item_done(part);
    }
    const auto& asked = request_.topics[item.topic].partitions[item.partition];
    item.error = check_leader_epoch(asked.current_leader_epoch, partition->leader_epoch());
    if (item.error == Errc::ok) item.error = check_role(*partition, asked.fetch_offset);
    if (item.error != Errc::ok) return item_done(part);
    item.held = !partition->may_serve_readers() || is_in_doubt(*partition, asked.fetch_offset);
    if (item.held) {
      watch(*partition, item);
      return item_done(part);
    }
    item.preferred = nearer_replica(shard, *partition, asked.fetch_offset);
    if (item.preferred != kNoBroker) {
      item.read.bounds = partition->bounds();
      return item_done(part);
    }
    if (diverges(*partition, asked, item)) return item_done(part);
    if (request_.time_statements > 0 && partition->leads()) {
      item.time = partition->leader()->time_statement(asked.fetch_offset);
    }
    const bool nothing_yet = asked.fetch_offset >= readable_end(partition->bounds());
    if (nothing_yet || request_.bytes_min > 1) watch(*partition, item);
    // Nothing is looked for that the answer has no room for. Only the first data goes out whatever
    // its size (KIP-74), and no shard knows whether that is another's.
    const bool first = part.bytes == 0;
    const auto room = static_cast<std::uint64_t>(bytes_max_);
    const auto bytes_max = std::min(static_cast<std::uint64_t>(std::max(asked.bytes_max, 0)),
                                    room - std::min(room, part.bytes));
    // What is read from the disk later counts as what it may come to.
    part.bytes += bytes_max;
    partition->read(
        asked.fetch_offset,
        {.bytes_max = bytes_max, .at_least_one = first, .read_committed = is_read_committed()},
        [&part, &item, bytes_max](PartitionRead read) {
          part.bytes += read.bytes - bytes_max;
          if (read.error) item.error = wire::wire_error(read.error);
          item.read = std::move(read);
          item_done(part);
        });
  }

  void gathered() {
    collecting_ = false;
    if (is_over()) return answer();
    if (woken_) return collect();
    if (!waited_) home().metrics().fetch_waits.add();
    waited_ = true;
    waiting_ = shared_from_this();
    home().metrics().delayed_fetches.add(1);
  }

 private:
  bool may_wait() const { return number_ != 0; }
  bool is_read_committed() const {
    return request_.isolation_level == wire::IsolationLevel::read_committed;
  }
  // A consumer starts anew when it is told that its offset does not exist.
  static bool is_in_doubt(Partition& partition, Offset fetch_offset) {
    return partition.leads() && fetch_offset > partition.bounds().log_end_offset &&
           !partition.leader()->knows_that_it_leads({.place = fetch_offset.value()});
  }
  Offset readable_end(const PartitionBounds& bounds) const {
    return is_read_committed() ? bounds.last_stable_offset : bounds.high_watermark;
  }

  void resolve_all() {
    for (std::size_t t = 0; t < request_.topics.size(); ++t) {
      const auto& topic = request_.topics[t];
      const FoundTopic found =
          find_topic(home(), call_.version() >= 13, topic.name, topic.topic_id);
      for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
        FetchItem& item = items().emplace_back();
        item.topic = t;
        item.partition = p;
        item.refused = found.error;
        if (found.topic == nullptr) continue;
        item.key = {found.topic->id, topic.partitions[p].index};
        item.refused = may_read_followers()
                           ? check_readable_here(home(), *found.topic, item.key.partition)
                           : check_led_here(home(), *found.topic, item.key.partition);
      }
    }
  }

  // As Kafka's: with this version consumers say where they are, and are sent to other replicas.
  bool may_read_followers() const { return call_.version() >= 11; }

  void watch(Partition& partition, FetchItem& item) {
    if (!may_wait()) return;
    partition.watch({home().index(), number_});
    item.watched = true;
  }

  // KIP-392: what is beyond a follower's high watermark may well be there at the leader.
  Errc check_role(const Partition& partition, Offset fetch_offset) const {
    if (partition.leads()) return Errc::ok;
    const bool is_readable =
        may_read_followers() && partition.follower() != nullptr && !partition.is_cutting();
    if (!is_readable) return Errc::not_leader_or_follower;
    return fetch_offset > partition.bounds().high_watermark ? Errc::offset_not_available : Errc::ok;
  }

  // The in-sync follower in the consumer's rack that has what it asks for and is furthest, unless
  // the leader is in that rack.
  BrokerId nearer_replica(const Shard& shard, const Partition& partition, Offset from) const {
    const std::string_view rack = request_.rack_id;
    const bool wants_any = !rack.empty() && request_.replica_id == kNoBroker && partition.leads();
    if (!wants_any) return kNoBroker;
    const MetadataImage& image = *shard.image();
    const auto is_near = [&](BrokerId id) {
      const BrokerImage* const broker = image.broker(id);
      return broker != nullptr && !broker->fenced && broker->rack == rack;
    };
    if (is_near(shard.broker_id())) return kNoBroker;
    ReplicaView best;
    for (const ReplicaView& view : partition.leader()->core().replicas()) {
      const bool fits = view.in_sync && view.high_watermark >= from && is_near(view.replica);
      if (fits && view.high_watermark > best.high_watermark) best = view;
    }
    return best.replica;
  }

  // KIP-320: a client whose last epoch ended before its position has records that we do not.
  static bool diverges(Partition& partition, const wire::FetchRequest::Partition& asked,
                       FetchItem& item) {
    if (asked.last_fetched_epoch == kNoLeaderEpoch) return false;
    const EpochEndOffset end = partition.log().epoch_end_offset(asked.last_fetched_epoch);
    if (end.epoch == kNoLeaderEpoch) return false;
    if (end.epoch == asked.last_fetched_epoch && end.end_offset >= asked.fetch_offset) return false;
    item.diverging = {end.epoch, end.end_offset};
    item.read.bounds = partition.bounds();
    return true;
  }

  void collect() {
    collecting_ = true;
    woken_ = false;
    scatter([](const FetchItem& item) { return item.refused == Errc::ok; });
  }

  void wake() {
    if (answered_) return;
    woken_ = true;
    if (collecting_ || planned_) return;
    // Several partitions may move in one turn of the loop: look once.
    planned_ = true;
    home().loop().at_end_of_turn([self = shared_from_this()] {
      self->planned_ = false;
      if (self->answered_ || self->collecting_) return;
      const auto alive = self->end_wait();
      self->collect();
    });
  }

  std::shared_ptr<FetchOp> end_wait() {
    if (waiting_ != nullptr) home().metrics().delayed_fetches.add(-1);
    return std::move(waiting_);
  }

  void expire() {
    expired_ = true;
    if (answered_ || collecting_) return;
    const auto alive = end_wait();
    // What was seen when the wait began is old by now.
    if (request_.time_statements > 0) return collect();
    answer();
  }

  bool is_over() const {
    if (!may_wait() || expired_ || items().empty()) return true;
    std::uint64_t bytes = 0;
    for (const FetchItem& item : items()) {
      if (item.refused != Errc::ok || item.error != Errc::ok) return true;
      if (item.diverging.epoch != kNoLeaderEpoch || item.preferred != kNoBroker) return true;
      bytes += item.read.bytes;
    }
    return bytes > 0 && bytes >= static_cast<std::uint64_t>(std::max(request_.bytes_min, 1));
  }

  void refuse(Errc error) {
    call_.count_error(error);
    call_.answer(wire::FetchResponse{.error_code = error});
  }

  void answer() {
    answered_ = true;
    stop_waiting();
    wire::FetchResponse response;
    std::vector<std::vector<FilePiece>> slices;
    response.topics.resize(request_.topics.size());
    for (std::size_t t = 0; t < request_.topics.size(); ++t) {
      response.topics[t].name = std::string{request_.topics[t].name};
      response.topics[t].topic_id = request_.topics[t].topic_id;
      response.topics[t].partitions.reserve(request_.topics[t].partitions.size());
    }
    auto left = static_cast<std::uint64_t>(bytes_max_);
    for (FetchItem& item : items()) {
      auto& answers = response.topics[item.topic].partitions;
      answers.push_back(answer_of(item));
      add_endpoint(home(), answers.back().current_leader.leader_id, response.node_endpoints);
      const std::uint64_t bytes = item.read.bytes;
      // Whole batches only, and the first data goes out whatever its size (KIP-74).
      if (item.error != Errc::ok || bytes == 0 || (bytes > left && !slices.empty())) continue;
      left -= std::min(left, bytes);
      answers.back().records.external_bytes = bytes;
      answers.back().records.external_id = slices.size();
      slices.push_back(std::move(item.read.slices));
      home().metrics().fetch_bytes.add(bytes);
    }
    call_.answer(response, std::move(slices));
  }

  wire::FetchResponse::Partition answer_of(const FetchItem& item) {
    wire::FetchResponse::Partition answer;
    answer.index = request_.topics[item.topic].partitions[item.partition].index;
    answer.error_code = item.refused != Errc::ok ? item.refused : item.error;
    if (answer.error_code == Errc::ok && item.held) answer.error_code = Errc::offset_not_available;
    if (is_read_committed()) answer.aborted_transactions.emplace();
    if (answer.error_code != Errc::ok) {
      call_.count_error(answer.error_code);
      if (answer.error_code == Errc::not_leader_or_follower ||
          answer.error_code == Errc::fenced_leader_epoch) {
        answer.current_leader = leader_hint(home(), item.key.topic_id, answer.index);
      }
      return answer;
    }
    answer.high_watermark = item.read.bounds.high_watermark;
    answer.last_stable_offset = item.read.bounds.last_stable_offset;
    answer.log_start_offset = item.read.bounds.log_start_offset;
    answer.diverging_epoch = item.diverging;
    answer.preferred_read_replica = item.preferred;
    if (item.time) {
      answer.time_statement = {
          .version = kTimeStatementVersion,
          .log_end_offset = item.time->log_end_offset,
          .broker_time = item.time->broker_time,
          .highest_event_time = item.time->highest_event_time,
          .idle_ms =
              std::chrono::duration_cast<std::chrono::milliseconds>(item.time->idle).count()};
    }
    return answer;
  }

  void stop_waiting() {
    if (!may_wait()) return;
    home().loop().cancel(timeout_);
    home().waiting_fetches().remove(number_);
    const FetchWatch watch{home().index(), number_};
    for (const FetchItem& item : items()) {
      if (!item.watched) continue;
      Shard& owner = home().peer(shard_of(item));
      if (&owner == &home()) {
        if (Partition* partition = owner.partitions().find(item.key)) partition->unwatch(watch);
      } else {
        owner.loop().post([&owner, key = item.key, watch] {
          if (Partition* partition = owner.partitions().find(key)) partition->unwatch(watch);
        });
      }
    }
  }

  Call call_;
  wire::FetchRequest request_;
  std::int64_t bytes_max_ = 0;
  std::uint64_t number_ = 0;  // among the home shard's waiting fetches; 0: does not wait
  TimerId timeout_;
  std::shared_ptr<FetchOp> waiting_;  // keeps a fetch alive that nothing else points to
  bool collecting_ = false;
  bool planned_ = false;
  bool woken_ = false;
  bool waited_ = false;
  bool expired_ = false;
  bool answered_ = false;
};

}  // namespace

void handle_fetch(Call call) {
  auto request = call.decode<wire::FetchRequest>();
  if (!request) return;
  std::make_shared<FetchOp>(std::move(call), std::move(*request))->start();
}

}  // namespace strandline
