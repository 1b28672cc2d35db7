// Every described API, in order of keys, for what walks over all of them: the table, tests, the
// fuzz target.
#pragma once

#include "protocol/wire/messages/alter_configs.h"
#include "protocol/wire/messages/alter_partition_reassignments.h"
#include "protocol/wire/messages/api_versions.h"
#include "protocol/wire/messages/create_partitions.h"
#include "protocol/wire/messages/create_topics.h"
#include "protocol/wire/messages/delete_records.h"
#include "protocol/wire/messages/delete_topics.h"
#include "protocol/wire/messages/describe_cluster.h"
#include "protocol/wire/messages/describe_configs.h"
#include "protocol/wire/messages/describe_log_dirs.h"
#include "protocol/wire/messages/describe_producers.h"
#include "protocol/wire/messages/describe_topic_partitions.h"
#include "protocol/wire/messages/elect_leaders.h"
#include "protocol/wire/messages/fetch.h"
#include "protocol/wire/messages/find_coordinator.h"
#include "protocol/wire/messages/init_producer_id.h"
#include "protocol/wire/messages/list_offsets.h"
#include "protocol/wire/messages/list_partition_reassignments.h"
#include "protocol/wire/messages/metadata.h"
#include "protocol/wire/messages/offset_for_leader_epoch.h"
#include "protocol/wire/messages/produce.h"

// X(name): nameRequest, nameResponse and kNameApi exist.
#define STRANDLINE_WIRE_APIS(X)  \
  X(Produce)                     \
  X(Fetch)                       \
  X(ListOffsets)                 \
  X(Metadata)                    \
  X(FindCoordinator)             \
  X(ApiVersions)                 \
  X(CreateTopics)                \
  X(DeleteTopics)                \
  X(DeleteRecords)               \
  X(InitProducerId)              \
  X(OffsetForLeaderEpoch)        \
  X(DescribeConfigs)             \
  X(AlterConfigs)                \
  X(DescribeLogDirs)             \
  X(CreatePartitions)            \
  X(ElectLeaders)                \
  X(IncrementalAlterConfigs)     \
  X(AlterPartitionReassignments) \
  X(ListPartitionReassignments)  \
  X(DescribeCluster)             \
  X(DescribeProducers)           \
  X(ListConfigResources)         \
  X(DescribeTopicPartitions)
