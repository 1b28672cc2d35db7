// The whole broker: everything that is made at the start, how it is put together, and the order in
// which it comes up and goes down.
//
// Up:    data directory and its lock, metadata log, listeners, loops; clients are served once the
//        cluster has taken this broker in, and its partitions are open
// Down:  leaderships handed over, listeners, connections, partitions (synced, checkpointed), loops
//
// Thread   start() and stop() on the main thread
// Owns     every thread, file and socket of the process
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/config/settings.h"
#include "protocol/base/result.h"

namespace strandline {

struct StartFailure {
  std::string message;  // what was wrong, where, and what to do next
};

class Broker {
 public:
  // on_fatal   called from any thread when the broker must not go on (a failed sync, say); the
  //            process is expected to leave with `exit_status` soon
  using OnFatal = std::function<void(int exit_status)>;

  Broker(Settings settings, OnFatal on_fatal);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Comes up. Clients are served from `on_serving` on, which is called once, on a thread of the
  // broker: at once for a lone broker, else when the cluster has taken it in.
  boost::outcome_v2::basic_result<void, StartFailure, boost::outcome_v2::policy::terminate> start(
      std::function<void()> on_serving);

  // Where clients connect, "host:port"; after start().
  std::string kafka_address() const;
  std::string http_address() const;  // empty: off

  // Ends cleanly: what was written is synced and checkpointed, so that the next start scans
  // nothing.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// How the process leaves, for those who run it (docs/operations.md).
inline constexpr int kExitBadStart = 1;
inline constexpr int kExitBadUsage = 2;
inline constexpr int kExitDiskFailed = 74;  // EX_IOERR: a sync failed; a restart recovers

}  // namespace strandline
