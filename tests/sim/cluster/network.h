// The network between the hosts: connections as brokers see them, over links that are slow, cut in
// one direction or both, and (with `loses`) lose, double and overtake messages.
//
// What is sent over a cut link waits; a side that hears nothing for long closes its connection, as
// RpcChannel does in production. A process that ends resets its connections, a host that loses
// power does not.
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "broker/rpc/rpc_channel.h"
#include "protocol/base/clock.h"
#include "protocol/base/host_port.h"

namespace strandline::cluster_sim {

struct Host;
class World;

class Network {
 public:
  using Bytes = std::shared_ptr<const std::vector<std::byte>>;
  using Receive = std::function<void(ByteView)>;

  struct Stats {
    std::uint64_t messages = 0;
    std::uint64_t lost = 0;
    std::uint64_t doubled = 0;
    std::uint64_t overtaken = 0;
    std::uint64_t broken = 0;  // connections
  };

  Network(World& world, int hosts) : world_(world), hosts_(hosts) {}

  const Stats& stats() const { return stats_; }
  // One-way messages may be lost, doubled and overtaken, each so many times in a thousand.
  void set_loss(std::uint64_t per_mille) { loss_per_mille_ = per_mille; }
  // Delays of up to so much more than usual.
  void set_slowness(std::uint64_t us) { slowness_us_ = us; }

  // --- links

  void cut(int from, int to);
  void mend(int from, int to);
  void mend_all();
  bool is_cut(int from, int to) const { return cuts_.contains({from, to}); }
  bool is_any_cut() const { return !cuts_.empty(); }
  // The host says nothing from here on although its process is there.
  void on_quiet(Host& host);
  enum class Death : std::uint8_t { process, power };
  void on_death(Host& host, Death death);

  // --- for the seam

  static HostPort address_of(int host) {
    return {"10.0.0." + std::to_string(host), static_cast<std::uint16_t>(9000 + host)};
  }
  Host* host_at(const HostPort& address) const;

  // Whoever listens for connections on a host: told the handle of each.
  void listen(Host& host, std::function<void(int handle)> accept);
  void close_listener(Host& host);
  // `connected` runs on the host with a handle; `refused` when nobody listens. Neither: the link is
  // cut.
  void connect(Host& from, const HostPort& to, std::function<void(int handle)> connected,
               std::function<void()> refused);

  // The end of a connection that this handle names is that channel from here on.
  void attach(int handle, const std::shared_ptr<RpcChannel>& channel, Receive receive);
  // It is given away to another channel of its host.
  int detach(RpcChannel& channel);
  void send(RpcChannel& from, Bytes frame, bool is_one_way);
  void closed(RpcChannel& channel);
  Duration latency();

 private:
  struct End {
    int host = 0;
    std::uint64_t life = 0;
    std::shared_ptr<RpcChannel> channel;
    Receive receive;
    std::vector<Bytes> waiting;  // came before there was a channel, or while the link is cut
    Instant last{};              // delivery
  };
  struct Connection {
    End ends[2];  // who connected, who was connected to
  };
  // A handle names a connection and an end.
  static int handle_of(std::uint64_t connection, int end) {
    return static_cast<int>(connection * 2 + static_cast<std::uint64_t>(end));
  }
  using Place = std::pair<std::uint64_t, int>;

  void deliver(std::uint64_t connection, int end, const Bytes& frame);
  void flush(std::uint64_t connection, int end);
  void break_end(std::uint64_t connection, int end, RpcClose reason, Duration delay);
  void check_silence(int from, int to, std::uint64_t cut_number);

  World& world_;
  const int hosts_;
  Stats stats_;
  std::uint64_t loss_per_mille_ = 0;
  std::uint64_t slowness_us_ = 0;
  std::map<std::pair<int, int>, std::uint64_t> cuts_;  // by direction, numbered
  std::uint64_t cuts_made_ = 0;
  std::map<int, std::function<void(int)>> listeners_;
  std::uint64_t connections_made_ = 0;
  std::map<std::uint64_t, Connection> connections_;
  std::map<const RpcChannel*, Place> places_;
};

}  // namespace strandline::cluster_sim
