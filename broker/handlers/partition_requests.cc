#include "broker/handlers/partition_requests.h"

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/handlers/partition_request.h"
#include "protocol/wire/messages/delete_records.h"
#include "protocol/wire/messages/describe_producers.h"
#include "protocol/wire/messages/list_offsets.h"
#include "protocol/wire/messages/offset_for_leader_epoch.h"

namespace strandline {
namespace {

using Done = std::function<void()>;

bool names_a_partition_twice(const wire::ListOffsetsRequest& request) {
  std::vector<std::pair<std::string_view, PartitionIndex>> named;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) named.emplace_back(topic.name, partition.index);
  }
  std::sort(named.begin(), named.end());
  return std::adjacent_find(named.begin(), named.end()) != named.end();
}

// The offset at one of the ends of the log, which needs no look into it; false when the time is
// none of these.
bool answer_from_bounds(const PartitionBounds& bounds, LeaderEpoch epoch, bool read_committed,
                        Timestamp time, std::int16_t version,
                        wire::ListOffsetsResponse::Partition& answer) {
  answer.leader_epoch = epoch;
  if (time == wire::kLatestOffset) {
    answer.offset = read_committed ? bounds.last_stable_offset : bounds.high_watermark;
    return true;
  }
  if (time == wire::kEarliestOffset || (time == wire::kEarliestLocalOffset && version >= 8)) {
    answer.offset = bounds.log_start_offset;
    return true;
  }
  // Nothing is tiered, and nothing waits to be.
  if ((time == wire::kLatestTieredOffset && version >= 9) ||
      (time == wire::kEarliestPendingUploadOffset && version >= 11)) {
    answer.leader_epoch = kNoLeaderEpoch;
    return true;
  }
  if (time < Timestamp{0} && !(time == wire::kOffsetOfMaxTimestamp && version >= 7)) {
    answer.leader_epoch = kNoLeaderEpoch;
    answer.error_code = Errc::unsupported_version;
    return true;
  }
  return false;
}

void list_offset(Partition& partition, const wire::ListOffsetsRequest::Partition& asked,
                 bool read_committed, std::int16_t version,
                 wire::ListOffsetsResponse::Partition& answer, Done done) {
  answer.error_code = check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch());
  if (answer.error_code != Errc::ok) return done();
  const bool is_at_end =
      asked.timestamp != wire::kEarliestOffset && asked.timestamp != wire::kEarliestLocalOffset;
  if (is_at_end && !partition.may_serve_readers()) {
    answer.error_code = version >= 5 ? Errc::offset_not_available : Errc::leader_not_available;
    return done();
  }
  const PartitionBounds bounds = partition.bounds();
  if (answer_from_bounds(bounds, partition.leader_epoch(), read_committed, asked.timestamp, version,
                         answer)) {
    return done();
  }
  const auto found = [&answer, done = std::move(done)](const Result<TimestampOffset>& at) {
    if (!at) {
      answer.error_code = wire::wire_error(at.error());
      answer.leader_epoch = kNoLeaderEpoch;
    } else {
      answer.timestamp = at.value().timestamp;
      answer.offset = at.value().offset;
      answer.leader_epoch = at.value().leader_epoch;
    }
    done();
  };
  const Offset end = read_committed ? bounds.last_stable_offset : bounds.high_watermark;
  if (asked.timestamp == wire::kOffsetOfMaxTimestamp) {
    partition.find_max_timestamp(end, found);
  } else {
    partition.find_timestamp(asked.timestamp, end, found);
  }
}

}  // namespace

void handle_list_offsets(Call call) {
  auto request = call.decode<wire::ListOffsetsRequest>();
  if (!request) return;
  if (names_a_partition_twice(*request)) {
    wire::ListOffsetsResponse response;
    for (const auto& topic : request->topics) {
      auto& answer = response.topics.emplace_back();
      answer.name = std::string{topic.name};
      for (const auto& partition : topic.partitions) {
        answer.partitions.push_back(
            {.index = partition.index, .error_code = Errc::invalid_request});
        call.count_error(Errc::invalid_request);
      }
    }
    return call.answer(response);
  }
  const bool read_committed = request->isolation_level == wire::IsolationLevel::read_committed;
  const std::int16_t version = call.version();
  run_on_partitions<wire::ListOffsetsRequest, wire::ListOffsetsResponse>(
      std::move(call), std::move(*request),
      [read_committed, version](Partition& partition,
                                const wire::ListOffsetsRequest::Partition& asked,
                                wire::ListOffsetsResponse::Partition& answer, Done done) {
        list_offset(partition, asked, read_committed, version, answer, std::move(done));
      });
}

void handle_offset_for_leader_epoch(Call call) {
  using wire::OffsetForLeaderEpochRequest;
  using wire::OffsetForLeaderEpochResponse;
  auto request = call.decode<OffsetForLeaderEpochRequest>();
  if (!request) return;
  run_on_partitions<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(
      std::move(call), std::move(*request),
      [](Partition& partition, const OffsetForLeaderEpochRequest::Partition& asked,
         OffsetForLeaderEpochResponse::Partition& answer, const Done& done) {
        answer.error_code =
            check_leader_epoch(asked.current_leader_epoch, partition.leader_epoch());
        if (answer.error_code == Errc::ok) {
          const EpochEndOffset end = partition.log().epoch_end_offset(asked.leader_epoch);
          answer.leader_epoch = end.epoch;
          answer.end_offset = end.end_offset;
        }
        done();
      });
}

void handle_delete_records(Call call) {
  using wire::DeleteRecordsRequest;
  using wire::DeleteRecordsResponse;
  auto request = call.decode<DeleteRecordsRequest>();
  if (!request) return;
  run_on_partitions<DeleteRecordsRequest, DeleteRecordsResponse>(
      std::move(call), std::move(*request),
      [](Partition& partition, const DeleteRecordsRequest::Partition& asked,
         DeleteRecordsResponse::Partition& answer, Done done) {
        if (!partition.config().cleanup_delete) {
          answer.error_code = Errc::policy_violation;
          return done();
        }
        partition.delete_records(
            asked.offset, [&answer, done = std::move(done)](const Result<Offset>& log_start) {
              if (log_start) {
                answer.low_watermark = log_start.value();
              } else {
                answer.error_code = wire::wire_error(log_start.error());
              }
              done();
            });
      });
}

void handle_describe_producers(Call call) {
  using wire::DescribeProducersRequest;
  using wire::DescribeProducersResponse;
  auto request = call.decode<DescribeProducersRequest>();
  if (!request) return;
  run_on_partitions<DescribeProducersRequest, DescribeProducersResponse>(
      std::move(call), std::move(*request),
      [](Partition& partition, PartitionIndex, DescribeProducersResponse::Partition& answer,
         const Done& done) {
        for (const ProducerEntry& producer : partition.log().producers()) {
          answer.active_producers.push_back({
              .producer_id = producer.producer_id,
              .producer_epoch = producer.epoch.value(),
              .last_sequence =
                  producer.batches.empty() ? kNoSequence : producer.batches.back().last_sequence,
              .last_timestamp = producer.last_append_time,
              .coordinator_epoch = producer.coordinator_epoch,
              .current_txn_start_offset = producer.transaction_first_offset,
          });
        }
        done();
      });
}

}  // namespace strandline
