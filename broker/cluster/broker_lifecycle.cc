#include "broker/cluster/broker_lifecycle.h"

#include <algorithm>
#include <utility>

#include "broker/logging/log.h"
#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr Duration kRegisterWait = std::chrono::seconds{5};
constexpr Duration kRegisterAgain = std::chrono::seconds{1};
constexpr Duration kHeartbeatWait = std::chrono::milliseconds{1000};

}  // namespace

BrokerLifecycle::BrokerLifecycle(ShardLoop& loop, MetadataNode& node, ControllerClient& client,
                                 Config config, Hooks hooks)
    : loop_(loop),
      node_(node),
      client_(client),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      serving_(hooks_.serving) {}

void BrokerLifecycle::logs_are_open() {
  if (state_ == State::waiting) register_now();
}

void BrokerLifecycle::register_now() {
  if (state_ == State::stopping || state_ == State::stopped) return;
  state_ = State::registering;
  client_.ask(RegisterRequest{config_.start, hooks_.findings()}, kRegisterWait,
              [this](const ControllerOutcome& outcome) { registered(outcome); });
}

void BrokerLifecycle::registered(const ControllerOutcome& outcome) {
  if (state_ != State::registering) return;
  const auto* reply = std::get_if<RegisterReply>(&outcome.reply.answer);
  if (outcome.error || reply == nullptr || reply->broker_epoch < 0) {
    log_limited(LogLevel::warn, "cluster", "register",
                "the controller did not take this broker in; it is asked again",
                {{"error", outcome.error.message()}, {"text", outcome.error_text}});
    loop_.after(kRegisterAgain, [this] { register_now(); });
    return;
  }
  state_ = State::registered;
  broker_epoch_ = reply->broker_epoch;
  const bool is_first = heard_at_ == Instant{};
  heard_at_ = steady_now();
  if (is_first) watch_touch();
  serve_if_ready();
  heartbeat();
}

// The image shows this start of the broker, and lets it take part.
bool BrokerLifecycle::is_known() const {
  const BrokerImage* self = node_.image()->broker(config_.start.broker);
  return self != nullptr && self->incarnation == config_.start.incarnation && !self->fenced;
}

void BrokerLifecycle::committed() { serve_if_ready(); }

// A heartbeat that is under way goes to the new one by itself.
void BrokerLifecycle::leader_changed() {
  const bool is_member = state_ == State::registered || state_ == State::stopping;
  if (is_member && !beating_) plan_heartbeat(Duration{0});
}

void BrokerLifecycle::serve_if_ready() {
  if (!serving_ || state_ != State::registered || !is_known()) return;
  // Shards have to see it as well, or the first clients would be told that nobody leads.
  node_.when_shown(node_.committed_end(), [this] {
    if (serving_ && state_ == State::registered) std::exchange(serving_, nullptr)();
  });
}

// --- heartbeats

void BrokerLifecycle::plan_heartbeat(Duration wait) {
  if (beat_timer_) loop_.cancel(*beat_timer_);
  beat_timer_ = loop_.after(wait, [this] {
    beat_timer_.reset();
    heartbeat();
  });
}

void BrokerLifecycle::heartbeat() {
  const bool is_member = state_ == State::registered || state_ == State::stopping;
  if (!is_member || std::exchange(beating_, true)) return;
  sent_at_ = steady_now();
  client_.ask(HeartbeatRequest{.broker = config_.start.broker,
                               .broker_epoch = broker_epoch_,
                               .shown_end = node_.shown_end(),
                               .wants_to_stop = state_ == State::stopping,
                               .number = time_.on_send({wall_now(), sent_at_})},
              kHeartbeatWait, [this](const ControllerOutcome& outcome) {
                beating_ = false;
                heard(outcome);
              });
}

void BrokerLifecycle::heard(const ControllerOutcome& outcome) {
  if (state_ == State::stopped || state_ == State::registering) return;
  if (outcome.error == make_error_code(Errc::stale_broker_epoch)) {
    if (state_ == State::stopping) return finish_stop();
    log_line(LogLevel::warn, "cluster", "this broker was fenced and registers again");
    return register_now();
  }
  const auto* reply = std::get_if<HeartbeatReply>(&outcome.reply.answer);
  if (!outcome.error) {
    heard_at_ = sent_at_;
    if (!std::exchange(in_touch_, true)) hooks_.in_touch(true, config_.session_timeout);
  }
  if (!outcome.error && reply != nullptr) believe(reply->vouched);
  const bool may_stop = !outcome.error && reply != nullptr && reply->may_stop;
  if (state_ == State::stopping && may_stop) return finish_stop();
  // One that is fenced, or about to go, has something to wait for.
  const bool waits = serving_ != nullptr || state_ == State::stopping;
  plan_heartbeat(waits ? config_.heartbeat_interval / 10 : config_.heartbeat_interval);
}

void BrokerLifecycle::believe(const VouchedHeartbeat& vouched) {
  const std::optional<BrokerMoment> sent = time_.sent_at(vouched);
  if (!sent || sent->steady <= told_until_.steady) return;
  told_until_ = {std::max(told_until_.wall, sent->wall), sent->steady};
  node_.when_shown(vouched.metadata_end,
                   [this, until = told_until_] { hooks_.nobody_else_led_until(until); });
}

void BrokerLifecycle::watch_touch() {
  if (state_ == State::stopped) return;
  const Duration silence = steady_now() - heard_at_;
  if (silence >= config_.session_timeout) {
    if (std::exchange(in_touch_, false)) {
      log_line(LogLevel::warn, "cluster",
               "the controller is not heard: others may have taken over");
    }
    hooks_.in_touch(false, config_.session_timeout);
  }
  loop_.after(config_.heartbeat_interval, [this] { watch_touch(); });
}

// --- the end

void BrokerLifecycle::stop(std::function<void()> done) {
  const bool has_others = node_.image()->brokers.size() > 1;
  const bool is_member = state_ == State::registered;
  stopped_ = std::move(done);
  if (!is_member || !has_others) return finish_stop();
  state_ = State::stopping;
  stop_timer_ = loop_.after(config_.stop_wait_max, [this] {
    stop_timer_.reset();
    log_line(LogLevel::warn, "cluster",
             "others have not taken over in time; this broker stops all the same");
    finish_stop();
  });
  heartbeat();
}

void BrokerLifecycle::finish_stop() {
  state_ = State::stopped;
  if (beat_timer_) loop_.cancel(*std::exchange(beat_timer_, std::nullopt));
  if (stop_timer_) loop_.cancel(*std::exchange(stop_timer_, std::nullopt));
  if (stopped_) std::exchange(stopped_, nullptr)();
}

}  // namespace strandline
