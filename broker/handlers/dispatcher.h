// From a frame to the handler of its API.
//
// Thread   the connection's shard; one dispatcher a shard
#pragma once

#include "broker/handlers/services.h"
#include "broker/net/connection.h"
#include "broker/partition/shard.h"

namespace strandline {

class Dispatcher {
 public:
  // Both outlive the dispatcher.
  Dispatcher(Shard& shard, Services& services) : shard_(shard), services_(services) {}

  // Answers, or hands on to somebody who will, or closes the connection of a client that sent no
  // request we know: as Kafka does, unknown APIs and versions have no answer but ApiVersions'.
  void dispatch(Request request);

 private:
  void refuse_header(Request request, const ErrorCode& error);

  Shard& shard_;
  Services& services_;
};

}  // namespace strandline
