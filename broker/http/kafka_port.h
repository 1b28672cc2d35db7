// Tells HTTP on the kafka port from Kafka, by the first 4 bytes of a connection. Such a connection
// is handed to an HttpSessions of surface kafka_port, which serves /metrics, /health and /ready.
//
// Thread   pure functions
#pragma once

#include "protocol/base/bytes.h"

namespace strandline {

// Whether a connection's first bytes begin an HTTP request. Needs 4 bytes; fewer are "no". As the
// length of a Kafka frame they would mean over 1 GB, far beyond any sensible
// socket.request.max.bytes, so no client is mistaken.
bool looks_like_http(ByteView first_bytes);

}  // namespace strandline
