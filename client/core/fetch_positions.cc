// Where a reader goes on: finding a place, seeing whether it is still in the log, and leaving it.
#include <algorithm>

#include "client/core/fetch_core.h"
#include "protocol/base/retry.h"

namespace strandline::client {

void FetchCore::located(Instant now, const Asked& asked, Partition& partition,
                        const wire::ListOffsetsResponse::Partition& answer) {
  if (answer.error_code != Errc::ok) {
    if (retry_of(answer.error_code) != Retry::never) {
      return try_again(now, partition, answer.error_code);
    }
    return lose(asked.partition, partition, answer.error_code, std::nullopt);
  }
  partition.failures = 0;
  if (answer.offset == kNoOffset) {
    // No record is that young: it goes on with those to come. An end that is none is no answer.
    if (partition.time < Timestamp{0}) return try_again(now, partition, Errc::unasked_answer);
    partition.time = wire::kLatestOffset;
    return;
  }
  partition.phase = Phase::fetch;
  // At the end the answer's epoch is that of what lies before it; elsewhere of what comes next.
  const bool is_end = partition.time == wire::kLatestOffset;
  partition.position = {answer.offset, is_end ? answer.leader_epoch : kNoLeaderEpoch};
  partition.checked_epoch = asked.leader.epoch;
  if (!partition.moved_from.has_value()) return;
  effects_.emplace_back(
      PositionMoved{asked.partition, *partition.moved_from, partition.position, false});
  partition.moved_from.reset();
}

// KIP-320: an epoch that ended before the position ended elsewhere for whom we read from.
void FetchCore::checked(Instant now, const Asked& asked, Partition& partition,
                        const wire::OffsetForLeaderEpochResponse::Partition& answer) {
  if (answer.error_code != Errc::ok) {
    if (retry_of(answer.error_code) != Retry::never) {
      return try_again(now, partition, answer.error_code);
    }
    return lose(asked.partition, partition, answer.error_code, std::nullopt);
  }
  partition.failures = 0;
  if (answer.end_offset == kNoOffset || answer.leader_epoch == kNoLeaderEpoch) {
    return truncated(asked, partition, std::nullopt);
  }
  if (answer.end_offset < asked.position.offset) {
    return truncated(asked, partition, FetchPosition{answer.end_offset, answer.leader_epoch});
  }
  partition.phase = Phase::fetch;
  partition.checked_epoch = asked.leader.epoch;
}

void FetchCore::out_of_range(const Asked& asked, Partition& partition) {
  if (config_.when_lost == WhenLost::stop) {
    return lose(asked.partition, partition, Errc::offset_out_of_range, std::nullopt);
  }
  partition.phase = Phase::locate;
  partition.moved_from = partition.position;
  partition.time =
      config_.when_lost == WhenLost::earliest ? wire::kEarliestOffset : wire::kLatestOffset;
}

void FetchCore::truncated(const Asked& asked, Partition& partition,
                          const std::optional<FetchPosition>& common_end) {
  if (config_.when_lost == WhenLost::stop) {
    return lose(asked.partition, partition, Errc::offset_out_of_range, common_end);
  }
  if (!common_end.has_value()) return out_of_range(asked, partition);
  effects_.emplace_back(PositionMoved{asked.partition, partition.position, *common_end, true});
  partition.phase = Phase::fetch;
  partition.position = *common_end;
  partition.checked_epoch = asked.leader.epoch;
}

void FetchCore::lose(const TopicPartition& name, Partition& partition, const ErrorCode& error,
                     const std::optional<FetchPosition>& common_end) {
  partition.phase = Phase::lost;
  effects_.emplace_back(PositionLost{name, partition.position, error, common_end});
}

void FetchCore::try_again(Instant now, Partition& partition, const ErrorCode& error) {
  ++partition.failures;
  partition.paused_until = now + config_.retry.after(partition.failures, prng_);
  if (retry_of(error) == Retry::after_metadata) metadata_.refresh(now);
}

}  // namespace strandline::client
