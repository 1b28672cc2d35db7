// Requests of Kafka clients that the controller decides on, from frame to frame: a broker passes
// them on as they came, and the controller's answer goes back as it is.
//
// Thread   the controller's
#pragma once

#include <cstddef>
#include <vector>

#include "broker/handlers/config_view.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/proto/metadata_records.h"
#include "replication/metadata/controller.h"

namespace strandline {

struct DecidedFrame {
  std::vector<std::byte> frame;         // the whole answer, with its length
  std::vector<MetadataRecord> records;  // that make it true; none: nothing changes
};

// frame    the request, without its length
// Errors   as decode_request_header(); malformed_frame; unsupported_api   not one of the
//          controller's
Result<DecidedFrame> decide_kafka_request(Controller& controller, const ConfigView& configs,
                                          ByteView frame);

}  // namespace strandline
