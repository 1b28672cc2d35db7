// HTTP on the kafka port: /metrics, /health and /ready, told apart from Kafka by the first 4 bytes.
//
// As the length of a Kafka frame these bytes would mean over 1 GB, far beyond
// socket.request.max.bytes' default, so no client is mistaken.
//
// Thread   the io_context's one thread
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "broker/http/http_session.h"
#include "protocol/base/bytes.h"

namespace strandline {

// Whether a connection's first bytes begin an HTTP request. Needs 4 bytes; fewer are "no".
bool looks_like_http(ByteView first_bytes);

// Takes a connection over and serves it to its end; any path but the three gets 404 and a hint.
//
// first_bytes       all that was read from the socket; copied
// context           its surface is set here; what it refers to must outlive the session
// Throws            nothing
boost::asio::awaitable<void> serve_http_on_kafka_port(boost::asio::ip::tcp::socket socket,
                                                      ByteView first_bytes,
                                                      HttpSessionContext context);

}  // namespace strandline
