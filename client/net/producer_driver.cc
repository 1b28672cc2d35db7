#include "client/net/producer_driver.h"

#include <utility>

#include "client/net/clocks.h"

namespace strandline::client {
namespace {

void take_reply(ProducerCore& core, Instant now, RequestId id, const Reply& reply) {
  if (const auto* answer = std::get_if<Answer>(&reply)) core.on_response(now, id, answer->body);
  if (std::holds_alternative<Sent>(reply)) core.on_sent(now, id);
  if (const auto* failure = std::get_if<Failure>(&reply)) {
    core.on_failed(now, id, failure->error, failure->delivery);
  }
}

}  // namespace

ProducerDriver::ProducerDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
                               const ProducerConfig& config, const ConnectionConfig& connections,
                               Hooks hooks, std::uint64_t seed)
    : hooks_(std::move(hooks)),
      driver_(
          io, std::move(bootstrap), connections, config,
          {.tell = [this](const ProducerEffect& effect) { tell(effect); }, .on_reply = take_reply},
          seed) {}

Result<RecordId> ProducerDriver::append(const TopicPartition& partition,
                                        const RecordInput& record) {
  RecordInput dated = record;
  if (dated.timestamp == kNoTimestamp) dated.timestamp = wall_now();
  auto taken = driver_.core().append(steady_now(), partition, dated);
  driver_.carry_out();
  return taken;
}

void ProducerDriver::flush() {
  driver_.core().flush(steady_now());
  driver_.carry_out();
}

void ProducerDriver::tell(const ProducerEffect& effect) {
  if (const auto* settled = std::get_if<RecordsSettled>(&effect)) hooks_.on_settled(*settled);
  if (std::holds_alternative<BufferHasRoom>(effect) && hooks_.on_room) hooks_.on_room();
}

}  // namespace strandline::client
