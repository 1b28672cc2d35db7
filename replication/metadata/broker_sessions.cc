#include "replication/metadata/broker_sessions.h"

#include <algorithm>
#include <utility>

#include "protocol/base/assertion.h"

namespace strandline {

// --- the controller's own time

// Comes first in every input: after a stand-still the words that lie unread may be handled before
// the timer is.
void BrokerSessions::wake(Instant now) {
  const auto asked = next_timeout();
  if (asked && now > *asked + config_.lateness_max) prolong_all(now, now - awake_);
  awake_ = std::max(awake_, now);
}

// Each session has as much left as when the controller was last awake, and time for words that are
// still unread.
void BrokerSessions::prolong_all(Instant now, Duration slept) {
  for (auto& [id, broker] : brokers_) {
    if (!broker.session || broker.session->extensions >= config_.extensions_max) continue;
    Session& session = *broker.session;
    ++session.extensions;
    session.end = std::max(session.end + slept, now + config_.wake_interval);
  }
}

std::optional<Instant> BrokerSessions::next_timeout() const {
  std::optional<Instant> next;
  for (const auto& [id, broker] : brokers_) {
    if (!broker.session) continue;
    const Session& session = *broker.session;
    next = std::min(next.value_or(awake_ + config_.wake_interval), session.end);
    if (session.probe_at && !session.probing) next = std::min(*next, *session.probe_at);
  }
  return next;
}

void BrokerSessions::on_timeout(Instant now) {
  wake(now);
  for (auto& [id, broker] : brokers_) {
    if (!broker.session) continue;
    if (now >= broker.session->end) {
      fence(id, broker, FenceReason::silence);
    } else {
      probe_if_due(now, id, broker);
    }
  }
}

// --- terms of the controller

void BrokerSessions::on_became_active(Instant now, const std::map<BrokerId, BrokerImage>& brokers,
                                      std::optional<DeposedController> before) {
  on_resigned();
  awake_ = now;
  for (const auto& [id, image] : brokers) {
    Broker& broker = brokers_[id];
    broker.epoch = image.broker_epoch;
    if (image.fenced) continue;
    broker.session = Session{.end = now + config_.session_timeout};
    if (!before || before->broker != id) continue;
    // After that long nobody heard anybody, and all come back one by one.
    if (now - before->heard > 2 * config_.session_timeout) continue;
    const Instant end = before->heard + config_.session_timeout;
    broker.session->end = std::min(broker.session->end, std::max(end, now + config_.deposed_wait));
  }
}

void BrokerSessions::on_resigned() {
  brokers_.clear();
  effects_.clear();
}

// --- words of brokers

void BrokerSessions::on_registered(Instant now, BrokerId id, std::int64_t broker_epoch) {
  wake(now);
  const auto known = brokers_.find(id);
  if (known != brokers_.end() && broker_epoch <= known->second.epoch) return;
  brokers_[id] = Broker{.epoch = broker_epoch,
                        .gone = false,
                        .session = Session{.end = now + config_.session_timeout}};
}

SessionAnswer BrokerSessions::on_heartbeat(Instant now, BrokerId id, std::int64_t broker_epoch) {
  wake(now);
  const auto known = brokers_.find(id);
  if (known == brokers_.end()) return SessionAnswer::unknown;
  Broker& broker = known->second;
  if (broker_epoch < broker.epoch) return SessionAnswer::stale_epoch;
  if (broker_epoch > broker.epoch || broker.gone) return SessionAnswer::unknown;
  if (!broker.session) broker.session = Session{.end = now};
  Session& session = *broker.session;
  session.end = std::max(session.end, now + config_.session_timeout);
  session.extensions = 0;
  session.heard = true;
  // What broke is mended; if it breaks again that will be told.
  session.probe_at.reset();
  return SessionAnswer::known;
}

void BrokerSessions::on_stopped(Instant now, BrokerId id, std::int64_t broker_epoch) {
  wake(now);
  const auto known = brokers_.find(id);
  if (known == brokers_.end() || known->second.epoch != broker_epoch) return;
  known->second.gone = true;
  if (known->second.session) fence(id, known->second, FenceReason::ended);
}

void BrokerSessions::on_removed(Instant now, BrokerId id) {
  wake(now);
  brokers_.erase(id);
}

// --- probes

void BrokerSessions::on_connection_lost(Instant now, BrokerId id) {
  wake(now);
  const auto known = brokers_.find(id);
  if (known == brokers_.end() || !known->second.session) return;
  want_probe(now, *known->second.session);
  probe_if_due(now, id, known->second);
}

void BrokerSessions::on_probe(Instant now, BrokerId id, std::int64_t broker_epoch,
                              ProbeResult result) {
  wake(now);
  const auto known = brokers_.find(id);
  // Of a process before the present one.
  if (known == brokers_.end() || known->second.epoch != broker_epoch) return;
  Broker& broker = known->second;
  if (result == ProbeResult::refused) {
    broker.gone = true;
    if (broker.session) fence(id, broker, FenceReason::process_gone);
    return;
  }
  if (!broker.session) return;
  broker.session->probing = false;
  // One that is heard is not probed for ever, whether it can be reached or not. One that is not may
  // be on its way out: a process that is being torn down accepts connections for a moment.
  if (!broker.session->heard) want_probe(now, *broker.session);
  // Another connection may have broken after this one was made.
  probe_if_due(now, id, broker);
}

void BrokerSessions::want_probe(Instant now, Session& session) const {
  const Instant earliest = session.probed_at ? *session.probed_at + config_.probe_interval : now;
  session.probe_at = std::max(now, earliest);
}

void BrokerSessions::probe_if_due(Instant now, BrokerId id, Broker& broker) {
  Session& session = *broker.session;
  if (session.probing || !session.probe_at || now < *session.probe_at) return;
  session.probing = true;
  session.heard = false;
  session.probed_at = now;
  session.probe_at.reset();
  effects_.emplace_back(ProbeBroker{id, broker.epoch});
}

void BrokerSessions::fence(BrokerId id, Broker& broker, FenceReason reason) {
  broker.session.reset();
  effects_.emplace_back(FenceBroker{id, broker.epoch, reason});
}

std::vector<SessionEffect> BrokerSessions::take_effects() { return std::exchange(effects_, {}); }

bool BrokerSessions::has_session(BrokerId id) const {
  const auto known = brokers_.find(id);
  return known != brokers_.end() && known->second.session.has_value();
}

void BrokerSessions::assert_invariants() const {
  for (const auto& [id, broker] : brokers_) {
    STRANDLINE_ASSERT(!broker.gone || !broker.session);
    if (!broker.session) continue;
    STRANDLINE_ASSERT(!broker.session->probing || broker.session->probed_at.has_value());
    STRANDLINE_ASSERT(broker.session->extensions <= config_.extensions_max);
  }
}

}  // namespace strandline
