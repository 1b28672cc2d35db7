#include "client/net/fetch_driver.h"

#include <utility>

#include "client/net/clocks.h"

namespace strandline::client {
namespace {

void take_reply(FetchCore& core, Instant now, RequestId id, const Reply& reply) {
  if (const auto* answer = std::get_if<Answer>(&reply)) {
    core.on_response(now, id, answer->body, answer->frame);
  }
  if (const auto* failure = std::get_if<Failure>(&reply)) core.on_failed(now, id, failure->error);
}

}  // namespace

FetchDriver::FetchDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
                         const FetchConfig& config, const ConnectionConfig& connections,
                         Hooks hooks, std::uint64_t seed)
    : hooks_(std::move(hooks)),
      driver_(io, std::move(bootstrap), connections, config,
              {.tell = [this](const FetchEffect& effect) { tell(effect); }, .on_reply = take_reply},
              seed) {}

void FetchDriver::seek(const TopicPartition& partition, const FetchPosition& position) {
  driver_.core().seek(steady_now(), partition, position);
  driver_.carry_out();
}

void FetchDriver::seek_time(const TopicPartition& partition, Timestamp time) {
  driver_.core().seek_time(steady_now(), partition, time);
  driver_.carry_out();
}

void FetchDriver::remove(const TopicPartition& partition) {
  driver_.core().remove(steady_now(), partition);
  driver_.carry_out();
}

void FetchDriver::tell(const FetchEffect& effect) {
  if (const auto* batches = std::get_if<DeliverBatches>(&effect)) {
    if (hooks_.on_batches) hooks_.on_batches(*batches);
    driver_.core().release(steady_now(), batches->bytes);
  }
  const auto pass = [&]<class Effect>(const std::function<void(const Effect&)>& hook) {
    const auto* const told = std::get_if<Effect>(&effect);
    if (told != nullptr && hook) hook(*told);
  };
  pass(hooks_.on_moved);
  pass(hooks_.on_lost);
  pass(hooks_.on_damaged);
}

}  // namespace strandline::client
