#include "client/net/producer_driver.h"

#include <utility>

#include "client/net/clocks.h"
#include "protocol/base/errc.h"

namespace strandline::client {

ProducerDriver::ProducerDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
                               const ProducerConfig& config, const ConnectionConfig& connections,
                               Hooks hooks, std::uint64_t seed)
    : core_(config, seed),
      pool_(io, std::move(bootstrap), connections, seed),
      hooks_(std::move(hooks)),
      timer_(io),
      alive_(std::make_shared<ProducerDriver*>(this)) {}

ProducerDriver::~ProducerDriver() = default;

Result<RecordId> ProducerDriver::append(const TopicPartition& partition,
                                        const RecordInput& record) {
  RecordInput dated = record;
  if (dated.timestamp == kNoTimestamp) dated.timestamp = wall_now();
  auto taken = core_.append(steady_now(), partition, dated);
  carry_out();
  return taken;
}

void ProducerDriver::flush() {
  core_.flush(steady_now());
  carry_out();
}

// A hook may bring the core to want more; that is carried out here, too.
void ProducerDriver::carry_out() {
  take_effects();
  if (telling_) return;
  telling_ = true;
  while (!to_tell_.empty()) {
    const ProducerEffect effect = std::move(to_tell_.front());
    to_tell_.pop_front();
    tell(effect);
    take_effects();
  }
  telling_ = false;
  sleep();
}

// Requests borrow from the core until its next input, so they go out before anybody is told
// anything.
void ProducerDriver::take_effects() {
  for (ProducerEffect& effect : core_.take_effects()) {
    if (const auto* learn = std::get_if<LearnBrokers>(&effect)) {
      pool_.learn(learn->brokers);
    } else if (const auto* request = std::get_if<SendRequest>(&effect)) {
      send(*request);
    } else {
      to_tell_.push_back(std::move(effect));
    }
  }
}

void ProducerDriver::tell(const ProducerEffect& effect) {
  if (const auto* settled = std::get_if<RecordsSettled>(&effect)) hooks_.on_settled(*settled);
  if (std::holds_alternative<BufferHasRoom>(effect) && hooks_.on_room) hooks_.on_room();
}

void ProducerDriver::send(const SendRequest& request) {
  pool_.send(request.broker, request.body,
             [weak = std::weak_ptr{alive_}, id = request.id](const Reply& reply) {
               if (const auto self = weak.lock()) (*self)->on_reply(id, reply);
             });
}

void ProducerDriver::on_reply(RequestId id, const Reply& reply) {
  const Instant now = steady_now();
  if (const auto* answer = std::get_if<Answer>(&reply)) core_.on_response(now, id, answer->body);
  if (std::holds_alternative<Sent>(reply)) core_.on_sent(now, id);
  if (const auto* failure = std::get_if<Failure>(&reply)) {
    core_.on_failed(now, id, failure->error, failure->delivery);
  }
  carry_out();
}

void ProducerDriver::sleep() {
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
