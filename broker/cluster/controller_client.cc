#include "broker/cluster/controller_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr Duration kRetryWait = std::chrono::milliseconds{25};

// Nothing can have come of it, so that asking again does no harm.
bool was_not_heard(const ErrorCode& error) {
  return error == make_error_code(Errc::not_controller) ||
         error == make_error_code(Errc::rpc_not_connected) ||
         error == make_error_code(Errc::rpc_queue_full);
}

// A second one says the same as the first, or is told apart by its epochs.
bool may_be_repeated(const ControllerRequest& request) {
  return !std::holds_alternative<ForwardRequest>(request);
}

bool is_of_the_way(const ErrorCode& error) {
  return error == make_error_code(Errc::rpc_connection_lost) ||
         error == make_error_code(Errc::request_timed_out);
}

}  // namespace

ControllerClient::ControllerClient(ShardLoop& loop, MetadataNode& node, ClusterLinks& links,
                                   Serve serve)
    : loop_(loop), node_(node), links_(links), serve_(std::move(serve)) {}

void ControllerClient::ask(ControllerRequest request, Duration time_max, OnControllerOutcome done) {
  const std::uint64_t number = ++last_;
  Asked asked{.request = std::move(request),
              .until = steady_now() + time_max,
              .done = std::move(done),
              .expires = loop_.after(time_max, [this, number] {
                finish(number, {.error = make_error_code(Errc::request_timed_out)});
              })};
  asked_.emplace(number, std::move(asked));
  if (closed_) return finish(number, {.error = make_error_code(Errc::shutting_down)});
  attempt(number);
}

void ControllerClient::ask_from(ShardLoop& home, ControllerRequest request, Duration time_max,
                                OnControllerOutcome done) {
  auto shared = std::make_shared<ControllerRequest>(std::move(request));
  loop_.post([this, &home, shared, time_max, done = std::move(done)]() mutable {
    // What the asker waits with is its own thread's: no share of it stays here.
    ask(std::move(*shared), time_max,
        [&home, done = std::move(done)](ControllerOutcome outcome) mutable {
          auto told = std::make_shared<ControllerOutcome>(std::move(outcome));
          home.post([done = std::move(done), told] { done(std::move(*told)); });
        });
  });
}

void ControllerClient::attempt(std::uint64_t number) {
  const auto found = asked_.find(number);
  if (found == asked_.end() || found->second.under_way) return;
  Asked& asked = found->second;
  const bool is_here = node_.is_controller();
  const std::optional<ReplicaKey>& leader = node_.quorum().leader();
  // A leader that is not ready yet, or nobody: either will be told.
  if (!is_here && (!leader || node_.quorum().leads())) return try_again_later(number);
  asked.under_way = true;
  const auto answered = [this, number](ControllerOutcome outcome) {
    attempted(number, std::move(outcome));
  };
  ControllerRequest copy = asked.request;
  if (is_here) return serve_(std::move(copy), answered);
  links_.call(leader->node, std::move(copy), asked.until - steady_now(), answered);
}

void ControllerClient::attempted(std::uint64_t number, ControllerOutcome outcome) {
  const auto found = asked_.find(number);
  if (found == asked_.end()) return;
  Asked& asked = found->second;
  asked.under_way = false;
  const bool tries_again = was_not_heard(outcome.error) ||
                           (is_of_the_way(outcome.error) && may_be_repeated(asked.request));
  if (outcome.error && tries_again) return try_again_later(number);
  if (outcome.error) return finish(number, std::move(outcome));
  const Offset end = outcome.reply.metadata_end;
  if (end <= node_.shown_end()) return finish(number, std::move(outcome));
  auto told = std::make_shared<ControllerOutcome>(std::move(outcome));
  asked.under_way = true;  // it is answered, and only waits to be seen
  node_.when_shown(end, [this, number, told] { finish(number, std::move(*told)); });
}

void ControllerClient::try_again_later(std::uint64_t number) {
  Asked& asked = asked_.at(number);
  if (std::exchange(asked.retry_planned, true)) return;
  loop_.after(kRetryWait, [this, number] {
    const auto found = asked_.find(number);
    if (found == asked_.end()) return;
    found->second.retry_planned = false;
    attempt(number);
  });
}

void ControllerClient::leader_changed() {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, asked] : asked_) numbers.push_back(number);
  for (const std::uint64_t number : numbers) attempt(number);
}

void ControllerClient::finish(std::uint64_t number, ControllerOutcome outcome) {
  const auto found = asked_.find(number);
  if (found == asked_.end()) return;
  const Asked asked = std::move(found->second);
  asked_.erase(found);
  loop_.cancel(asked.expires);
  asked.done(std::move(outcome));
}

void ControllerClient::close() {
  closed_ = true;
  while (!asked_.empty()) {
    finish(asked_.begin()->first, {.error = make_error_code(Errc::shutting_down)});
  }
}

}  // namespace strandline
