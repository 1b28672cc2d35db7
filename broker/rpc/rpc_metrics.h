// What the connections between brokers count, on one loop.
//
// Thread   the loop writes; any thread reads
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/metrics/counter.h"
#include "broker/metrics/histogram.h"
#include "protocol/proto/rpc_messages.h"

namespace strandline {

// Why a connection to or from another broker ended.
enum class RpcClose : std::uint8_t {
  peer,       // closed by the other side, between two frames
  broken,     // reset, closed within a frame, or a slice of a file could not be sent
  silent,     // nothing heard in time
  stalled,    // nothing of what we send was taken in time
  malformed,  // bytes that are no frame, or a frame that has no place there
  handshake,  // no hello in time, one that was refused, or room was needed for another
  shutdown,
};
inline constexpr std::array<std::string_view, 7> kRpcCloseNames = {
    "peer", "broken", "silent", "stalled", "malformed", "handshake", "shutdown"};

struct RpcMetrics {
  // --- connections that others opened
  Counter accepted;
  Counter turned_away;  // at connections_max, or for want of a descriptor
  Gauge connections_open;

  // --- connections to others
  Counter connects;          // handshakes that went well
  Counter reconnects;        // of these, all but a peer's first
  Counter connect_failures;  // not reached, or not greeted in time
  Gauge peers_up;

  // --- both
  std::array<Counter, kRpcCloseNames.size()> closed{};
  void count_closed(RpcClose reason) { closed[static_cast<std::size_t>(reason)].add(); }
  std::array<Counter, kRefusalReasons> refused{};          // by us, by reason
  std::array<Counter, kRefusalReasons> refused_by_peer{};  // of us
  void count_refused(RefusalReason reason) { refused[static_cast<std::size_t>(reason)].add(); }
  void count_refused_by_peer(RefusalReason reason) {
    refused_by_peer[static_cast<std::size_t>(reason)].add();
  }

  // --- calls
  Counter calls;            // requests sent
  Counter call_errors;      // of these, answered with an error
  Counter call_timeouts;    // not answered in time
  Counter calls_lost;       // the connection broke before the answer
  Counter late_answers;     // to calls that had been given up
  Histogram call_time;      // ns from a call to its answer
  Counter requests_served;  // requests received
  Counter one_way_sent;
  Counter one_way_received;
  Counter unknown_methods;  // requests and messages that nobody here takes

  // --- bytes
  Counter received_bytes;
  Counter sent_memory_bytes;    // from memory
  Counter sent_sendfile_bytes;  // from files, without passing through the process
  Gauge send_queue_bytes;       // waiting to be sent
  Gauge held_bytes;             // received, and still held by who works on it
  Counter queue_full;           // messages refused at the bound of a send queue
  Counter reads_paused;         // times a connection was not read because of a limit
  Histogram ping_time;          // ns from a ping to its answer
};

}  // namespace strandline
