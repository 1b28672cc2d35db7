// A core of client/core at work: its requests go to brokers, its timer runs, and the rest of what
// it wants is told, in order.
//
// Thread   the loop of its io_context
// Owns     the core and its connections
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "client/net/broker_pool.h"
#include "client/net/clocks.h"

namespace strandline::client {

// Core   has take_effects(), whose variant has LearnBrokers and SendRequest, next_timeout() and
//        on_timeout()
template <class Core>
class CoreDriver {
 public:
  using Effect = typename decltype(std::declval<Core&>().take_effects())::value_type;

  struct Hooks {
    // Each effect that is for the core's user, one at a time; may give the core inputs.
    std::function<void(const Effect&)> tell;
    // Hands the core a reply to one of its requests.
    std::function<void(Core&, Instant now, RequestId, const Reply&)> on_reply;
  };

  // config   of the core
  // Needs    config.problem() and connections.problem() are empty
  template <class Config>
  CoreDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
             const ConnectionConfig& connections, const Config& config, Hooks hooks,
             std::uint64_t seed)
      : core_(config, seed),
        pool_(io, std::move(bootstrap), connections, seed),
        hooks_(std::move(hooks)),
        timer_(io),
        alive_(std::make_shared<CoreDriver*>(this)) {}
  CoreDriver(const CoreDriver&) = delete;
  CoreDriver& operator=(const CoreDriver&) = delete;

  // After an input of its user: carry_out().
  Core& core() { return core_; }
  const Core& core() const { return core_; }

  // Does what the core wants, and what it wants then. A user who is being told may call it.
  void carry_out() {
    take_effects();
    if (telling_) return;
    telling_ = true;
    while (!to_tell_.empty()) {
      const Effect effect = std::move(to_tell_.front());
      to_tell_.pop_front();
      hooks_.tell(effect);
      take_effects();
    }
    telling_ = false;
    sleep();
  }

 private:
  // Requests borrow from the core until its next input, so they go out before anybody is told
  // anything.
  void take_effects() {
    for (Effect& effect : core_.take_effects()) {
      if (const auto* learn = std::get_if<LearnBrokers>(&effect)) {
        pool_.learn(learn->brokers);
      } else if (const auto* request = std::get_if<SendRequest>(&effect)) {
        send(*request);
      } else {
        to_tell_.push_back(std::move(effect));
      }
    }
  }

  void send(const SendRequest& request) {
    pool_.send(request.broker, request.body,
               [weak = std::weak_ptr{alive_}, id = request.id](const Reply& reply) {
                 const auto self = weak.lock();
                 if (self == nullptr) return;
                 (*self)->hooks_.on_reply((*self)->core_, steady_now(), id, reply);
                 (*self)->carry_out();
               });
  }

  void sleep() {
    const auto at = core_.next_timeout();
    if (at == wakes_at_) return;
    wakes_at_ = at;
    timer_.cancel();
    if (!at.has_value()) return;
    timer_.expires_at(on_steady_clock(*at));
    timer_.async_wait([weak = std::weak_ptr{alive_}](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (self == nullptr || error) return;
      (*self)->wakes_at_.reset();
      (*self)->core_.on_timeout(steady_now());
      (*self)->carry_out();
    });
  }

  Core core_;
  BrokerPool pool_;
  Hooks hooks_;
  boost::asio::steady_timer timer_;
  std::optional<Instant> wakes_at_;
  std::deque<Effect> to_tell_;
  bool telling_ = false;
  std::shared_ptr<CoreDriver*> alive_;  // what callbacks hold weakly
};

}  // namespace strandline::client
