#include "replication/metadata/broker_time.h"

namespace strandline {

VouchedHeartbeat HeartbeatLedger::on_heartbeat(Instant now, BrokerId id, std::int64_t broker_epoch,
                                               std::uint64_t number, Offset metadata_end,
                                               Instant led_at) {
  Broker& broker = brokers_[id];
  if (broker.epoch != broker_epoch) broker = Broker{.epoch = broker_epoch};
  // A repeated one came later than it says.
  const bool is_new = number > broker.vouched.number &&
                      (broker.waiting.empty() || number > broker.waiting.back().number);
  if (is_new) broker.waiting.push_back({number, now, metadata_end});
  while (!broker.waiting.empty() && broker.waiting.front().came <= led_at) {
    broker.vouched = {broker.waiting.front().number, broker.waiting.front().metadata_end};
    broker.waiting.pop_front();
  }
  if (broker.waiting.size() > kWaitingMax) broker.waiting.pop_front();
  return broker.vouched;
}

std::uint64_t BrokerTime::on_send(const BrokerMoment& now) {
  sent_[++last_] = now;
  while (sent_.size() > HeartbeatLedger::kWaitingMax * 2) sent_.erase(sent_.begin());
  return last_;
}

std::optional<BrokerMoment> BrokerTime::sent_at(const VouchedHeartbeat& vouched) const {
  const auto found = sent_.find(vouched.number);
  if (found == sent_.end()) return std::nullopt;
  return found->second;
}

}  // namespace strandline
