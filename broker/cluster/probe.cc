#include "broker/cluster/probe.h"

#include <boost/asio/error.hpp>
#include <string>
#include <utility>

namespace strandline {
namespace asio = boost::asio;

struct Probe::State : std::enable_shared_from_this<Probe::State> {
  State(ShardLoop& given_loop, Done given_done)
      : loop(given_loop),
        resolver(given_loop.io()),
        socket(given_loop.io()),
        done(std::move(given_done)) {}

  void look(const HostPort& address, Duration time_max) {
    timer = loop.after(time_max, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->finish(ProbeResult::silent);
    });
    resolver.async_resolve(
        address.host, std::to_string(address.port),
        [self = shared_from_this()](const boost::system::error_code& error,
                                    const asio::ip::tcp::resolver::results_type& found) {
          if (error || found.empty()) return self->finish(ProbeResult::silent);
          self->connect(found.begin()->endpoint());
        });
  }

  void connect(const asio::ip::tcp::endpoint& endpoint) {
    if (!done) return;
    socket.async_connect(endpoint, [self = shared_from_this()](const boost::system::error_code& e) {
      self->finish(!e                                     ? ProbeResult::alive
                   : e == asio::error::connection_refused ? ProbeResult::refused
                                                          : ProbeResult::silent);
    });
  }

  void finish(ProbeResult result) {
    if (!done) return;
    loop.cancel(timer);
    close();
    // Not from inside the call: whoever hears of it may destroy the probe.
    loop.post([told = std::exchange(done, nullptr), result] { told(result); });
  }

  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
    resolver.cancel();
  }

  ShardLoop& loop;
  asio::ip::tcp::resolver resolver;
  asio::ip::tcp::socket socket;
  Done done;
  TimerId timer;
};

Probe::Probe(ShardLoop& loop, const HostPort& address, Duration time_max, Done done)
    : state_(std::make_shared<State>(loop, std::move(done))) {
  state_->look(address, time_max);
}

Probe::~Probe() {
  state_->done = nullptr;
  state_->loop.cancel(state_->timer);
  state_->close();
}

}  // namespace strandline
