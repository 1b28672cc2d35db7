#include "broker/handlers/produce.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/handlers/topic_lookup.h"
#include "broker/partition/leader_role.h"
#include "broker/partition/partition.h"
#include "broker/partition/partitioned_op.h"
#include "protocol/record/convert.h"
#include "protocol/record/validate.h"
#include "protocol/wire/messages/produce.h"

namespace strandline {
namespace {

constexpr std::int16_t kAcksAll = -1;
// Kept by a shard for decompressing the next batch; more was one client's exception.
constexpr std::size_t kDecompressorBytesKept = std::size_t{4} << 20;

struct ProduceItem {
  std::size_t topic = 0;      // place in the request
  std::size_t partition = 0;  // place in the topic's list
  PartitionKey key;
  MutableByteView batch;
  std::vector<std::byte> recompressed;  // the batch, where compression.type asked for another
  BatchHeader header;
  // The outcome.
  Errc error = Errc::ok;
  std::string message;
  std::vector<RecordError> record_errors;
  PartitionAppend appended;
  bool log_append_time = false;
};

class ProduceOp : public PartitionedOp<ProduceOp, ProduceItem> {
 public:
  ProduceOp(Call call, wire::ProduceRequest request)
      : PartitionedOp(call.shard()), call_(std::move(call)), request_(std::move(request)) {}

  void start() {
    check_all();
    home().decompressor().trim(kDecompressorBytesKept);
    if (request_.acks == kAcksAll && request_.timeout_ms > 0) arm_timeout();
    scatter([](const ProduceItem& item) { return item.error == Errc::ok; });
  }

  void goes_to(std::optional<ShardIndex> shard) { call_.connection().worked_at(shard); }

  ShardIndex shard_of(const ProduceItem& item) const {
    return home().owner_of(item.key.topic_id, item.key.partition);
  }

  void run(Shard& shard, Part& part, ProduceItem& item) {
    Partition* partition = shard.partitions().find(item.key);
    if (partition == nullptr) return fail(part, item, shard.partitions().absent_error(item.key));
    const Errc refusal = partition->may_append(request_.acks == kAcksAll);
    if (refusal != Errc::ok) return fail(part, item, refusal);
    partition->append(item.batch, item.header,
                      [this, partition, &part, &item](const Result<PartitionAppend>& appended) {
                        this->appended(*partition, part, item, appended);
                      });
  }

  void gathered() {
    home().loop().cancel(timeout_);
    if (!answered_) answer();
  }

 private:
  void appended(Partition& partition, Part& part, ProduceItem& item,
                const Result<PartitionAppend>& appended) {
    if (!appended) {
      const ErrorCode told = told_to_producer(partition, item.header, appended.error());
      return fail(part, item, wire::wire_error(told));
    }
    item.appended = appended.value();
    if (request_.acks != kAcksAll) return item_done(part);
    partition.when_committed(item.appended.end_offset, [&part, &item](const ErrorCode& error) {
      if (error) item.error = wire::wire_error(error);
      item_done(part);
    });
  }

  static void fail(Part& part, ProduceItem& item, Errc error) {
    item.error = error;
    item_done(part);
  }

  void check_all() {
    const bool bad_acks = request_.acks < -1 || request_.acks > 1;
    for (std::size_t t = 0; t < request_.topics.size(); ++t) {
      const auto& topic = request_.topics[t];
      const FoundTopic found =
          find_topic(home(), call_.version() >= 13, topic.name, topic.topic_id);
      for (std::size_t p = 0; p < topic.partitions.size(); ++p) {
        ProduceItem& item = items().emplace_back();
        item.topic = t;
        item.partition = p;
        item.error = bad_acks ? Errc::invalid_required_acks : found.error;
        if (item.error == Errc::ok) check(topic.partitions[p], *found.topic, item);
      }
    }
  }

  void check(const wire::ProduceRequest::Partition& partition, const TopicImage& topic,
             ProduceItem& item) {
    item.key = {topic.id, partition.index};
    item.error = check_led_here(home(), topic, partition.index);
    if (item.error != Errc::ok) return;
    if (topic.is_internal) {
      item.error = Errc::invalid_topic_exception;
      item.message = "clients cannot write to an internal topic";
      return;
    }
    if (home().refuses_writes()) {
      item.error = Errc::kafka_storage_error;
      item.message =
          "the broker's disk is filled to disk.watermark.refuse.bytes; free space, or "
          "delete topics or records";
      return;
    }
    const std::shared_ptr<const TopicConfig> config = home().topic_config(topic);
    item.log_append_time = config->message_timestamp_type == TimestampType::log_append_time;
    validate(partition.records ? partition.records->bytes : ByteView{}, *config, item);
  }

  void validate(ByteView records, const TopicConfig& config, ProduceItem& item) {
    const ProduceRules rules{
        .produce_version = call_.version(),
        .batch_bytes_max = static_cast<std::size_t>(config.max_message_bytes),
        .segment_bytes_max = static_cast<std::size_t>(config.segment_bytes),
        .timestamp_type = config.message_timestamp_type,
        .now = wall_now(),
        .timestamp_before_ms_max = config.message_timestamp_before_max_ms,
        .timestamp_after_ms_max = config.message_timestamp_after_max_ms,
        .keys_required = config.cleanup_compact,
    };
    BatchVerdict verdict = validate_produced_batch(records, rules, home().decompressor());
    item.error = verdict.error;
    item.message = verdict.message;
    item.record_errors = std::move(verdict.record_errors);
    if (item.error != Errc::ok) return;
    item.batch = call_.writable(records);
    // The offset and the epoch are given where the partition lives.
    apply_verdict(verdict, rules, Offset{0}, kNoLeaderEpoch, item.batch);
    item.header = parse_batch_header(item.batch).value();
    if (config.compression != TopicCompression::producer) recompress(config, item);
    if (item.header.is_transactional()) {
      item.error = Errc::transactional_id_authorization_failed;
      item.message = "transactions are not supported by this broker";
    }
  }

  // compression.type asks for another codec than the producer's.
  void recompress(const TopicConfig& config, ProduceItem& item) {
    Codec codec = Codec::none;
    std::optional<int> level;
    switch (config.compression) {
      case TopicCompression::producer:
      case TopicCompression::uncompressed: break;
      case TopicCompression::gzip:
        codec = Codec::gzip;
        level = config.compression_gzip_level;
        break;
      case TopicCompression::snappy: codec = Codec::snappy; break;
      case TopicCompression::lz4:
        codec = Codec::lz4;
        level = config.compression_lz4_level;
        break;
      case TopicCompression::zstd:
        codec = Codec::zstd;
        level = config.compression_zstd_level;
        break;
    }
    if (item.header.codec_bits() == static_cast<std::uint8_t>(codec)) return;
    const Result<void> done =
        recompress_batch(item.batch, codec, level, ProduceRules{}.decompressed_bytes_max,
                         home().decompressor(), home().compressor(), item.recompressed);
    if (!done) {
      item.error = wire::wire_error(done.error());
      return;
    }
    // Else a megabyte of zstd could become many times that in the log and in every fetch.
    if (item.recompressed.size() > static_cast<std::size_t>(config.max_message_bytes)) {
      item.error = Errc::message_too_large;
      item.message = "batch is larger than max.message.bytes under the topic's compression.type";
      return;
    }
    item.batch = item.recompressed;
    item.header = parse_batch_header(item.batch).value();
  }

  void arm_timeout() {
    timeout_ = home().loop().after(std::chrono::milliseconds{request_.timeout_ms},
                                   [self = weak_from_this()] {
                                     if (const auto op = self.lock()) op->timed_out();
                                   });
  }

  // What has not come back by now is answered as timed out; its records stay and may still commit.
  void timed_out() {
    if (answered_) return;
    timed_out_ = true;
    answer();
  }

  void answer() {
    answered_ = true;
    if (request_.acks == 0) return finish_unanswered();
    wire::ProduceResponse response;
    response.topics.resize(request_.topics.size());
    for (std::size_t t = 0; t < request_.topics.size(); ++t) {
      response.topics[t].name = std::string{request_.topics[t].name};
      response.topics[t].topic_id = request_.topics[t].topic_id;
      response.topics[t].partitions.reserve(request_.topics[t].partitions.size());
    }
    for (ProduceItem& item : items()) {
      const PartitionIndex index = request_.topics[item.topic].partitions[item.partition].index;
      auto& answers = response.topics[item.topic].partitions;
      answers.push_back(timed_out_ ? timed_out_answer(index) : answer_of(item, index));
      if (answers.back().error_code != Errc::not_leader_or_follower) continue;
      answers.back().current_leader = leader_hint(home(), item.key.topic_id, index);
      add_endpoint(home(), answers.back().current_leader.leader_id, response.node_endpoints);
    }
    call_.answer(response);
  }

  // While parts are still out their items are not ours to look at.
  wire::ProduceResponse::Partition timed_out_answer(PartitionIndex index) {
    call_.count_error(Errc::request_timed_out);
    return {.index = index, .error_code = Errc::request_timed_out};
  }

  wire::ProduceResponse::Partition answer_of(ProduceItem& item, PartitionIndex index) {
    wire::ProduceResponse::Partition answer{.index = index, .error_code = item.error};
    if (item.error == Errc::ok) {
      answer.base_offset = item.appended.base_offset;
      answer.log_start_offset = item.appended.log_start_offset;
      if (item.log_append_time) answer.log_append_time = item.appended.append_time;
      return answer;
    }
    call_.count_error(item.error);
    if (!item.message.empty()) answer.error_message = std::move(item.message);
    for (RecordError& error : item.record_errors) {
      answer.record_errors.push_back({error.batch_index, std::string{error.message}});
    }
    return answer;
  }

  // With acks=0 there is no answer; closing is the only way to say that something went wrong.
  void finish_unanswered() {
    for (const ProduceItem& item : items()) {
      if (item.error == Errc::ok) continue;
      call_.count_error(item.error);
      return call_.close(CloseReason::malformed);
    }
    call_.finish_without_answer();
  }

  Call call_;
  wire::ProduceRequest request_;
  TimerId timeout_;
  bool answered_ = false;
  bool timed_out_ = false;
};

}  // namespace

void handle_produce(Call call) {
  auto request = call.decode<wire::ProduceRequest>();
  if (!request) return;
  std::make_shared<ProduceOp>(std::move(call), std::move(*request))->start();
}

}  // namespace strandline
