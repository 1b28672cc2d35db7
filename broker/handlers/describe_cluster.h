// DescribeCluster (60).
//
// Thread   pure function
#pragma once

#include "broker/handlers/common.h"
#include "protocol/wire/messages/describe_cluster.h"

namespace strandline {

wire::DescribeClusterResponse answer_describe_cluster(const MetadataImage& image,
                                                      const ListenerView& listener,
                                                      const wire::DescribeClusterRequest& request);

}  // namespace strandline
