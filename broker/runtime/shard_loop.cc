#include "broker/runtime/shard_loop.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <thread>
#include <vector>

#include "protocol/base/assertion.h"

namespace strandline {
namespace asio = boost::asio;

Instant steady_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return Instant{std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec}};
}

Timestamp wall_now() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return Timestamp{t.tv_sec * 1000 + t.tv_nsec / 1'000'000};
}

namespace {

// With work coming in all the time there is always something ready: without a bound one client that
// streams without waiting would keep all others' answers from being sent.
constexpr Duration kTurnMax = std::chrono::milliseconds{1};
// What is appended ends with words to followers, those of all partitions are gathered, and sent.
constexpr int kEndRounds = 3;

}  // namespace

struct ShardLoop::State {
  State(std::string thread_name, SenderSlot own_slot, std::size_t senders)
      : name(std::move(thread_name)),
        slot(own_slot),
        context(1),
        mailbox(senders),
        mail(context, ::dup(mailbox.wake_fd())),
        timer(context) {}

  std::string name;
  SenderSlot slot;
  // Made first, destroyed last: tasks that never ran hold sockets, and those need it to close.
  asio::io_context context;
  Mailbox mailbox;
  asio::posix::stream_descriptor mail;
  asio::steady_timer timer;
  std::map<TimerId, Task> timers;
  std::uint64_t timers_made = 0;
  Instant armed_for = Instant::max();
  std::vector<Task> end_of_turn;
  std::vector<Task> end_of_turn_running;
  bool stopping = false;
  std::thread thread;
};

ShardLoop::ShardLoop(std::string name, SenderSlot slot, std::size_t senders)
    : state_(std::make_unique<State>(std::move(name), slot, senders)) {
  wait_for_mail();
}

ShardLoop::~ShardLoop() { STRANDLINE_ASSERT(!state_->thread.joinable()); }

void ShardLoop::start() {
  state_->thread = std::thread{[this] { run(); }};
}

void ShardLoop::run() {
  pthread_setname_np(pthread_self(), state_->name.substr(0, 15).c_str());
  set_sender_slot(state_->slot);
  while (!state_->stopping) {
    state_->context.run_one();
    const Instant began = steady_now();
    while (state_->context.poll_one() > 0 && steady_now() - began < kTurnMax) {
    }
    // Work for the end of a turn may add more: appends end with an answer, and answers are sent at
    // the end. What these add waits for the next turn, so that a turn ends.
    for (int rounds = 0; rounds < kEndRounds && !state_->end_of_turn.empty(); ++rounds) {
      run_end_of_turn();
    }
    if (!state_->end_of_turn.empty()) asio::post(state_->context, [] {});
  }
}

void ShardLoop::run_end_of_turn() {
  std::vector<Task>& last = state_->end_of_turn_running;  // kept for its memory
  last.swap(state_->end_of_turn);
  for (Task& task : last) task();
  last.clear();
}

void ShardLoop::post(Task task) { state_->mailbox.post(sender_slot(), std::move(task)); }

void ShardLoop::at_end_of_turn(Task task) { state_->end_of_turn.push_back(std::move(task)); }

void ShardLoop::stop() {
  post([this] { state_->stopping = true; });
}

void ShardLoop::join() {
  if (state_->thread.joinable()) state_->thread.join();
}

void ShardLoop::stop_and_join() {
  if (!state_->thread.joinable()) return;
  stop();
  join();
}

bool ShardLoop::is_own_thread() const {
  return state_->thread.get_id() == std::this_thread::get_id();
}

asio::io_context& ShardLoop::io() { return state_->context; }

void ShardLoop::wait_for_mail() {
  state_->mail.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                            if (error) return;
                            state_->mailbox.drain();
                            wait_for_mail();
                          });
}

TimerId ShardLoop::after(Duration delay, Task task) {
  const TimerId id{steady_now() + delay, ++state_->timers_made};
  state_->timers.emplace(id, std::move(task));
  arm_timer();
  return id;
}

void ShardLoop::cancel(const TimerId& timer) { state_->timers.erase(timer); }

void ShardLoop::arm_timer() {
  if (state_->timers.empty()) return;
  const Instant first = state_->timers.begin()->first.due;
  // A timer armed for an earlier moment wakes once for nothing and arms the next: cheaper than
  // re-arming at each cancel.
  if (first >= state_->armed_for) return;
  state_->armed_for = first;
  const auto wait = std::max(Duration{0}, first - steady_now());
  state_->timer.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(wait));
  state_->timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    state_->armed_for = Instant::max();
    run_due_timers();
    arm_timer();
  });
}

void ShardLoop::run_due_timers() {
  const Instant now = steady_now();
  while (!state_->timers.empty() && state_->timers.begin()->first.due <= now) {
    Task task = std::move(state_->timers.begin()->second);
    state_->timers.erase(state_->timers.begin());
    task();
  }
}

}  // namespace strandline
