// The requests about the cluster rather than about records: answered from the shard's image, or
// decided by the controller and answered when every shard serves the result.
//
// Thread   the connection's shard
#pragma once

#include "broker/handlers/call.h"
#include "broker/handlers/services.h"

namespace strandline {

void handle_api_versions(Call call, Services& services);
void handle_metadata(Call call, Services& services);
void handle_describe_topic_partitions(Call call, Services& services);
void handle_describe_cluster(Call call, Services& services);
void handle_describe_configs(Call call, Services& services);
void handle_list_config_resources(Call call, Services& services);
void handle_find_coordinator(Call call, Services& services);
void handle_create_topics(Call call, Services& services);
void handle_delete_topics(Call call, Services& services);
void handle_create_partitions(Call call, Services& services);
void handle_alter_configs(Call call, Services& services);
void handle_incremental_alter_configs(Call call, Services& services);
void handle_init_producer_id(Call call, Services& services);
void handle_elect_leaders(Call call, Services& services);
void handle_alter_partition_reassignments(Call call, Services& services);
void handle_list_partition_reassignments(Call call, Services& services);
void handle_describe_log_dirs(Call call, Services& services);

}  // namespace strandline
