#include "client/net/fetch_driver.h"

#include <utility>

#include "client/net/clocks.h"
#include "protocol/base/errc.h"

namespace strandline::client {

FetchDriver::FetchDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
                         const FetchConfig& config, const ConnectionConfig& connections,
                         Hooks hooks, std::uint64_t seed)
    : core_(config, seed),
      pool_(io, std::move(bootstrap), connections, seed),
      hooks_(std::move(hooks)),
      timer_(io),
      alive_(std::make_shared<FetchDriver*>(this)) {}

FetchDriver::~FetchDriver() = default;

void FetchDriver::seek(const TopicPartition& partition, const FetchPosition& position) {
  core_.seek(steady_now(), partition, position);
  carry_out();
}

void FetchDriver::seek_time(const TopicPartition& partition, Timestamp time) {
  core_.seek_time(steady_now(), partition, time);
  carry_out();
}

void FetchDriver::remove(const TopicPartition& partition) {
  core_.remove(steady_now(), partition);
  carry_out();
}

// A hook may bring the core to want more; that is carried out here, too.
void FetchDriver::carry_out() {
  take_effects();
  if (telling_) return;
  telling_ = true;
  while (!to_tell_.empty()) {
    const FetchEffect effect = std::move(to_tell_.front());
    to_tell_.pop_front();
    tell(effect);
    take_effects();
  }
  telling_ = false;
  sleep();
}

// Requests borrow from the core until its next input, so they go out before anybody is told
// anything.
void FetchDriver::take_effects() {
  for (FetchEffect& effect : core_.take_effects()) {
    if (const auto* learn = std::get_if<LearnBrokers>(&effect)) {
      pool_.learn(learn->brokers);
    } else if (const auto* request = std::get_if<SendRequest>(&effect)) {
      send(*request);
    } else {
      to_tell_.push_back(std::move(effect));
    }
  }
}

void FetchDriver::tell(const FetchEffect& effect) {
  if (const auto* batches = std::get_if<DeliverBatches>(&effect)) {
    if (hooks_.on_batches) hooks_.on_batches(*batches);
    core_.release(steady_now(), batches->bytes);
  }
  const auto pass = [&]<class Effect>(const std::function<void(const Effect&)>& hook) {
    const auto* const told = std::get_if<Effect>(&effect);
    if (told != nullptr && hook) hook(*told);
  };
  pass(hooks_.on_moved);
  pass(hooks_.on_lost);
  pass(hooks_.on_damaged);
}

void FetchDriver::send(const SendRequest& request) {
  pool_.send(request.broker, request.body,
             [weak = std::weak_ptr{alive_}, id = request.id](const Reply& reply) {
               if (const auto self = weak.lock()) (*self)->on_reply(id, reply);
             });
}

void FetchDriver::on_reply(RequestId id, const Reply& reply) {
  const Instant now = steady_now();
  if (const auto* answer = std::get_if<Answer>(&reply)) {
    core_.on_response(now, id, answer->body, answer->frame);
  }
  if (const auto* failure = std::get_if<Failure>(&reply)) {
    core_.on_failed(now, id, failure->error);
  }
  carry_out();
}

void FetchDriver::sleep() {
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

}  // namespace strandline::client
