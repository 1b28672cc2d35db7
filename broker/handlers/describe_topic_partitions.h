// DescribeTopicPartitions (75): topics in the order of their names, in pages of partitions.
//
// Thread   pure function
#pragma once

#include "broker/handlers/common.h"
#include "protocol/wire/messages/describe_topic_partitions.h"

namespace strandline {

// Partitions in one answer at most, whatever the client allows.
inline constexpr std::int32_t kDescribedPartitionsMax = 2000;

// Errors   a cursor with a negative partition: invalid_request for each topic asked for
wire::DescribeTopicPartitionsResponse answer_describe_topic_partitions(
    const MetadataImage& image, const wire::DescribeTopicPartitionsRequest& request);

}  // namespace strandline
