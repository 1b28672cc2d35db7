#include "replication/metadata/broker_sessions.h"

#include <catch2/catch.hpp>

#include "protocol/base/prng.h"

namespace strandline {
namespace {

using std::chrono::milliseconds;

// A controller's sessions with a clock that is turned by hand. Brokers have the epoch 5.
struct SessionsHarness {
  explicit SessionsHarness(int brokers = 3) {
    std::map<BrokerId, BrokerImage> all;
    for (int id = 1; id <= brokers; ++id) {
      all[BrokerId{id}] = {.id = BrokerId{id}, .broker_epoch = 5};
    }
    sessions.on_became_active(now, all);
  }

  SessionAnswer heartbeat(int id, std::int64_t epoch = 5) {
    const auto answer = sessions.on_heartbeat(now, BrokerId{id}, epoch);
    collect();
    return answer;
  }
  void lose_connection(int id) {
    sessions.on_connection_lost(now, BrokerId{id});
    collect();
  }
  void probe(int id, ProbeResult result, std::int64_t epoch = 5) {
    sessions.on_probe(now, BrokerId{id}, epoch, result);
    collect();
  }
  void register_broker(int id, std::int64_t epoch) {
    sessions.on_registered(now, BrokerId{id}, epoch);
    collect();
  }

  // Time passes, and the timer fires whenever it was asked for.
  void pass(Duration how_long) {
    const Instant until = now + how_long;
    for (;;) {
      const auto next = sessions.next_timeout();
      if (!next || *next > until) break;
      now = std::max(now, *next);
      sessions.on_timeout(now);
      collect();
    }
    now = until;
  }
  // These brokers are heard as often as they should be.
  void pass_with_heartbeats(Duration how_long, const std::vector<int>& of) {
    for (Duration passed{}; passed < how_long; passed += milliseconds{250}) {
      for (const int id : of) heartbeat(id);
      pass(milliseconds{250});
    }
  }
  // Nothing runs here for so long; then the timer fires.
  void stand_still(Duration how_long) {
    now += how_long;
    sessions.on_timeout(now);
    collect();
  }

  void collect() {
    sessions.assert_invariants();
    for (const SessionEffect& effect : sessions.take_effects()) {
      if (const auto* probe = std::get_if<ProbeBroker>(&effect)) {
        probes.push_back(*probe);
      } else {
        fenced.push_back(std::get<FenceBroker>(effect));
      }
    }
  }

  static FenceBroker fence(int id, FenceReason reason, std::int64_t epoch = 5) {
    return {BrokerId{id}, epoch, reason};
  }

  Instant now{std::chrono::hours{1}};
  BrokerSessions sessions{{}};
  std::vector<ProbeBroker> probes;
  std::vector<FenceBroker> fenced;
};

using Fenced = std::vector<FenceBroker>;

TEST_CASE("BrokerSessions: a broker that is not heard for the time-out is fenced, once",
          "[sessions]") {
  SessionsHarness t;
  t.pass_with_heartbeats(milliseconds{750}, {1, 2, 3});
  t.pass_with_heartbeats(milliseconds{500}, {1, 3});
  CHECK(t.fenced.empty());  // broker 2 was last heard 750 ms before
  t.pass_with_heartbeats(milliseconds{250}, {1, 3});
  CHECK(t.fenced == Fenced{t.fence(2, FenceReason::silence)});
  CHECK_FALSE(t.sessions.has_session(BrokerId{2}));
  t.pass_with_heartbeats(milliseconds{5000}, {1, 3});
  CHECK(t.fenced.size() == 1);
  CHECK(t.probes.empty());  // silence on a connection that stands is waited out
}

TEST_CASE("BrokerSessions: a word that comes late but before the timer prolongs the session",
          "[sessions]") {
  SessionsHarness t{1};
  t.pass(milliseconds{999});
  t.now += milliseconds{2};
  CHECK(t.heartbeat(1) == SessionAnswer::known);
  t.pass(milliseconds{999});
  CHECK(t.fenced.empty());
  t.pass(milliseconds{1});
  CHECK(t.fenced.size() == 1);
}

TEST_CASE("BrokerSessions: a new active controller gives every unfenced broker a whole session",
          "[sessions]") {
  SessionsHarness t{2};
  t.pass(milliseconds{900});
  std::map<BrokerId, BrokerImage> all;
  all[BrokerId{1}] = {.id = BrokerId{1}, .broker_epoch = 5};
  all[BrokerId{2}] = {.id = BrokerId{2}, .broker_epoch = 6, .fenced = true};
  all[BrokerId{3}] = {.id = BrokerId{3}, .broker_epoch = 7, .stopping = true};
  t.sessions.on_became_active(t.now, all);
  CHECK_FALSE(t.sessions.has_session(BrokerId{2}));
  t.pass(milliseconds{999});
  CHECK(t.fenced.empty());
  t.pass(milliseconds{1});
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::silence), t.fence(3, FenceReason::silence, 7)});
}

TEST_CASE("BrokerSessions: the controller before has what its silence has left of its session",
          "[sessions]") {
  SessionsHarness t;
  std::map<BrokerId, BrokerImage> all;
  for (const int id : {1, 2}) all[BrokerId{id}] = {.id = BrokerId{id}, .broker_epoch = 5};
  const auto fenced_after = [&](Duration silence) {
    t.sessions.on_became_active(t.now, all, DeposedController{BrokerId{2}, t.now - silence});
    for (Duration passed{};; passed += milliseconds{1}) {
      if (passed.count() % milliseconds{250}.count() == 0) t.heartbeat(1);
      t.pass(milliseconds{1});
      if (!t.fenced.empty()) return passed + milliseconds{1};
    }
  };
  SECTION("all but what it was silent") {
    CHECK(fenced_after(milliseconds{600}) == milliseconds{400});
  }
  SECTION("time for a heartbeat at least") {
    CHECK(fenced_after(milliseconds{1500}) == milliseconds{100});
  }
  SECTION("a whole one when nobody led for long: it was not for its silence") {
    CHECK(fenced_after(milliseconds{5000}) == milliseconds{1000});
  }
  CHECK(t.fenced == Fenced{t.fence(2, FenceReason::silence)});
}

TEST_CASE("BrokerSessions: without a term nobody is known and nothing is asked for", "[sessions]") {
  SessionsHarness t;
  t.lose_connection(1);
  t.sessions.on_resigned();
  CHECK_FALSE(t.sessions.next_timeout());
  CHECK(t.heartbeat(2) == SessionAnswer::unknown);
  t.probe(1, ProbeResult::refused);
  t.pass(milliseconds{5000});
  CHECK(t.fenced.empty());
}

TEST_CASE("BrokerSessions: a fenced broker that is heard again has a session again", "[sessions]") {
  SessionsHarness t{1};
  t.pass(milliseconds{3000});
  REQUIRE(t.fenced.size() == 1);
  CHECK_FALSE(t.sessions.next_timeout());
  CHECK(t.heartbeat(1) == SessionAnswer::known);
  CHECK(t.sessions.has_session(BrokerId{1}));
  t.pass(milliseconds{1000});
  CHECK(t.fenced.size() == 2);  // of another session
}

// --- epochs

TEST_CASE("BrokerSessions: a heartbeat of an earlier start is stale, of an unheard-of one unknown",
          "[sessions]") {
  SessionsHarness t{1};
  CHECK(t.heartbeat(1, 4) == SessionAnswer::stale_epoch);
  CHECK(t.heartbeat(1, 6) == SessionAnswer::unknown);
  CHECK(t.heartbeat(2, 0) == SessionAnswer::unknown);
  t.register_broker(1, 6);
  CHECK(t.heartbeat(1, 5) == SessionAnswer::stale_epoch);
  CHECK(t.heartbeat(1, 6) == SessionAnswer::known);
  t.register_broker(2, 0);
  CHECK(t.heartbeat(2, 0) == SessionAnswer::known);
  t.sessions.on_removed(t.now, BrokerId{2});
  CHECK(t.heartbeat(2, 0) == SessionAnswer::unknown);
}

TEST_CASE("BrokerSessions: words of an earlier start prolong nothing", "[sessions]") {
  SessionsHarness t{1};
  t.register_broker(1, 6);
  for (int i = 0; i < 4; ++i) {
    t.heartbeat(1, 5);
    t.pass(milliseconds{250});
  }
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::silence, 6)});
}

TEST_CASE("BrokerSessions: a registration begins a session, one that is known already none",
          "[sessions]") {
  SessionsHarness t{1};
  t.pass(milliseconds{900});
  t.register_broker(1, 6);
  t.pass(milliseconds{500});
  t.register_broker(1, 6);
  t.register_broker(1, 5);
  t.pass(milliseconds{499});
  CHECK(t.fenced.empty());
  t.pass(milliseconds{1});
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::silence, 6)});
}

TEST_CASE("BrokerSessions: the probe of an earlier process says nothing of the next",
          "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  REQUIRE(t.probes == std::vector{ProbeBroker{BrokerId{1}, 5}});
  t.register_broker(1, 6);
  t.lose_connection(1);
  CHECK(t.probes.back() == ProbeBroker{BrokerId{1}, 6});
  t.probe(1, ProbeResult::refused, 5);
  CHECK(t.fenced.empty());
  t.probe(1, ProbeResult::refused, 6);
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::process_gone, 6)});
}

// --- lost connections

TEST_CASE("BrokerSessions: a killed process is fenced as soon as its host refuses", "[sessions]") {
  SessionsHarness t;
  t.lose_connection(2);
  REQUIRE(t.probes == std::vector{ProbeBroker{BrokerId{2}, 5}});
  t.pass(milliseconds{2});
  t.probe(2, ProbeResult::refused);
  CHECK(t.fenced == Fenced{t.fence(2, FenceReason::process_gone)});
  // A word of it that was under way brings nobody back; a process that lives registers again.
  CHECK(t.heartbeat(2) == SessionAnswer::unknown);
  CHECK_FALSE(t.sessions.has_session(BrokerId{2}));
  t.lose_connection(2);
  t.probe(2, ProbeResult::refused);
  CHECK(t.probes.size() == 1);
  t.pass_with_heartbeats(milliseconds{3000}, {1, 3});
  CHECK(t.fenced.size() == 1);
  t.register_broker(2, 6);
  CHECK(t.heartbeat(2, 6) == SessionAnswer::known);
}

TEST_CASE("BrokerSessions: a process that lives has its session's time to come back",
          "[sessions]") {
  SessionsHarness t{1};
  t.pass(milliseconds{100});
  t.lose_connection(1);
  t.probe(1, ProbeResult::alive);
  t.pass(milliseconds{800});
  CHECK(t.heartbeat(1) == SessionAnswer::known);
  t.lose_connection(1);
  t.probe(1, ProbeResult::alive);
  t.pass(milliseconds{999});
  CHECK(t.fenced.empty());
  t.pass(milliseconds{1});
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::silence)});
}

TEST_CASE(
    "BrokerSessions: a process that is being torn down answers one probe and refuses the next",
    "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  t.probe(1, ProbeResult::alive);
  t.pass(milliseconds{99});
  CHECK(t.probes.size() == 1);
  t.pass(milliseconds{1});
  REQUIRE(t.probes.size() == 2);
  t.probe(1, ProbeResult::refused);
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::process_gone)});
}

TEST_CASE("BrokerSessions: a process that answers and is heard is not probed again", "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  t.heartbeat(1);
  t.probe(1, ProbeResult::alive);
  t.pass_with_heartbeats(milliseconds{5000}, {1});
  CHECK(t.probes.size() == 1);
  CHECK(t.fenced.empty());
}

TEST_CASE("BrokerSessions: silence is probed again, at a bounded rate, until the session ends",
          "[sessions]") {
  for (const auto& takes : {milliseconds{0}, milliseconds{30}, milliseconds{200}}) {
    SessionsHarness t{1};
    t.lose_connection(1);
    std::size_t answered = 0;
    std::vector<Instant> sent;
    while (t.fenced.empty()) {
      if (t.probes.size() > answered) {
        sent.push_back(t.now);
        t.pass(takes);
        ++answered;
        t.probe(1, ProbeResult::silent);
      } else {
        t.pass(milliseconds{1});
      }
    }
    CHECK(t.fenced == Fenced{t.fence(1, FenceReason::silence)});
    CHECK(t.now - sent.front() >= milliseconds{1000});
    CHECK(t.now - sent.front() <= milliseconds{1200});
    const auto interval = std::max(milliseconds{100}, takes);
    CHECK(sent.size() >= static_cast<std::size_t>(milliseconds{1000} / interval));
    for (std::size_t i = 1; i < sent.size(); ++i) CHECK(sent[i] - sent[i - 1] >= milliseconds{100});
  }
}

TEST_CASE("BrokerSessions: a host that was silent and then refuses is believed", "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  t.pass(milliseconds{50});
  t.probe(1, ProbeResult::silent);
  t.pass(milliseconds{50});
  REQUIRE(t.probes.size() == 2);
  t.probe(1, ProbeResult::refused);
  CHECK(t.fenced == Fenced{t.fence(1, FenceReason::process_gone)});
}

TEST_CASE("BrokerSessions: who is heard but cannot be reached is not probed for ever",
          "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  t.heartbeat(1);
  t.probe(1, ProbeResult::silent);
  t.pass_with_heartbeats(milliseconds{5000}, {1});
  CHECK(t.probes.size() == 1);
  CHECK(t.fenced.empty());
}

TEST_CASE("BrokerSessions: a flood of lost connections asks one probe after the other",
          "[sessions]") {
  SessionsHarness t{1};
  for (int i = 0; i < 1000; ++i) t.lose_connection(1);
  CHECK(t.probes.size() == 1);
  t.probe(1, ProbeResult::alive);
  CHECK(t.probes.size() == 1);
  t.pass(milliseconds{99});
  CHECK(t.probes.size() == 1);
  t.pass(milliseconds{1});
  CHECK(t.probes.size() == 2);  // another connection broke after the first had been made, perhaps
  t.probe(1, ProbeResult::alive);
  for (int i = 0; i < 2000; ++i) {
    t.lose_connection(1);
    t.heartbeat(1);
    if (t.probes.size() > 2) t.probe(1, ProbeResult::alive);
    t.pass(milliseconds{1});
  }
  CHECK(t.probes.size() <= 2 + 2000 / 100 + 1);
  CHECK(t.fenced.empty());
}

TEST_CASE("BrokerSessions: lost connections of those without a session ask nothing", "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(7);
  t.pass(milliseconds{1000});
  REQUIRE(t.fenced.size() == 1);
  t.lose_connection(1);
  CHECK(t.probes.empty());
  t.probe(1, ProbeResult::refused);
  t.probe(7, ProbeResult::refused);
  CHECK(t.fenced.size() == 1);
}

TEST_CASE("BrokerSessions: a probe without an answer does not keep a session alive", "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  t.pass(milliseconds{1000});
  CHECK(t.probes.size() == 1);
  CHECK(t.fenced.size() == 1);
}

// --- ending

TEST_CASE("BrokerSessions: a broker that has ended in order is fenced at once", "[sessions]") {
  SessionsHarness t;
  t.sessions.on_stopped(t.now, BrokerId{3}, 4);  // an earlier start
  t.collect();
  CHECK(t.fenced.empty());
  t.sessions.on_stopped(t.now, BrokerId{3}, 5);
  t.sessions.on_stopped(t.now, BrokerId{3}, 5);
  t.sessions.on_stopped(t.now, BrokerId{9}, 0);
  t.collect();
  CHECK(t.fenced == Fenced{t.fence(3, FenceReason::ended)});
  CHECK(t.heartbeat(3) == SessionAnswer::unknown);
  t.lose_connection(3);
  CHECK(t.probes.empty());
}

TEST_CASE("BrokerSessions: a broker that is removed is forgotten", "[sessions]") {
  SessionsHarness t{1};
  t.lose_connection(1);
  t.sessions.on_removed(t.now, BrokerId{1});
  t.probe(1, ProbeResult::refused);
  t.pass(milliseconds{3000});
  CHECK(t.fenced.empty());
  CHECK_FALSE(t.sessions.next_timeout());
}

// --- the controller's own time

TEST_CASE("BrokerSessions: the owner is called often enough to notice that it stood still",
          "[sessions]") {
  SessionsHarness t;
  for (int i = 0; i < 30; ++i) {
    t.heartbeat(1);
    REQUIRE(t.sessions.next_timeout());
    CHECK(*t.sessions.next_timeout() <= t.now + milliseconds{100});
    t.pass(milliseconds{50});
  }
}

TEST_CASE("BrokerSessions: time in which the controller stood still counts against nobody",
          "[sessions]") {
  SessionsHarness t;
  t.pass_with_heartbeats(milliseconds{500}, {1, 2, 3});
  t.pass(milliseconds{50});
  t.stand_still(std::chrono::seconds{60});
  CHECK(t.fenced.empty());
  t.pass(milliseconds{600});
  CHECK(t.fenced.empty());
  CHECK(t.heartbeat(1) == SessionAnswer::known);
  t.pass(milliseconds{200});
  CHECK(t.fenced == Fenced{t.fence(2, FenceReason::silence), t.fence(3, FenceReason::silence)});
}

TEST_CASE("BrokerSessions: a session that was all but over leaves time for words that lie unread",
          "[sessions]") {
  SessionsHarness t{1};
  t.pass(milliseconds{999});
  t.stand_still(milliseconds{500});
  CHECK(t.fenced.empty());
  t.pass(milliseconds{90});
  CHECK(t.heartbeat(1) == SessionAnswer::known);
  t.pass(milliseconds{900});
  CHECK(t.fenced.empty());
}

TEST_CASE("BrokerSessions: a stand-still is noticed also when another input comes first",
          "[sessions]") {
  SessionsHarness t{2};
  t.pass(milliseconds{950});
  t.now += std::chrono::seconds{3};
  CHECK(t.heartbeat(1) == SessionAnswer::known);
  t.sessions.on_timeout(t.now);
  t.collect();
  CHECK(t.fenced.empty());
  CHECK(t.heartbeat(2) == SessionAnswer::known);
}

TEST_CASE("BrokerSessions: a little late is not a stand-still", "[sessions]") {
  SessionsHarness t{1};
  t.pass(milliseconds{950});
  t.stand_still(milliseconds{150});
  CHECK(t.fenced.size() == 1);
}

TEST_CASE("BrokerSessions: a controller that is always late fences nevertheless", "[sessions]") {
  SessionsHarness t{1};
  int times = 0;
  while (t.fenced.empty() && times < 100) {
    t.stand_still(milliseconds{400});
    ++times;
  }
  CHECK(times >= 10);
  CHECK(times <= 15);
  // One that is heard now and then is not fenced at all.
  SessionsHarness u{1};
  for (int i = 0; i < 200; ++i) {
    u.stand_still(milliseconds{400});
    if (i % 5 == 0) u.heartbeat(1);
  }
  CHECK(u.fenced.empty());
}

TEST_CASE("BrokerSessions: early and repeated calls do no harm", "[sessions]") {
  SessionsHarness t{1};
  for (int i = 0; i < 999; ++i) {
    t.now += milliseconds{1};
    t.sessions.on_timeout(t.now);
    t.sessions.on_timeout(t.now);
    t.collect();
  }
  CHECK(t.fenced.empty());
  t.pass(milliseconds{1});
  CHECK(t.fenced.size() == 1);
}

// --- all together

TEST_CASE("BrokerSessions: whatever comes, each session is fenced at most once", "[sessions]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Prng prng{seed};
    SessionsHarness t{4};
    std::map<BrokerId, std::int64_t> epochs;
    for (int id = 1; id <= 4; ++id) epochs[BrokerId{id}] = 5;
    std::map<BrokerId, bool> in_session;
    for (int id = 1; id <= 4; ++id) in_session[BrokerId{id}] = true;
    for (int i = 0; i < 400; ++i) {
      const auto id = static_cast<int>(1 + prng.below(4));
      std::int64_t& epoch = epochs[BrokerId{id}];
      const std::size_t before = t.fenced.size();
      switch (prng.below(8)) {
        case 0: t.register_broker(id, ++epoch); break;
        case 1: t.lose_connection(id); break;
        case 2: t.probe(id, ProbeResult::silent, epoch); break;
        case 3: t.probe(id, ProbeResult::alive, epoch - static_cast<int>(prng.below(2))); break;
        case 4:
          if (prng.chance(1, 4)) t.probe(id, ProbeResult::refused, epoch);
          break;
        case 5: t.stand_still(milliseconds{prng.below(1500)}); break;
        case 6: t.heartbeat(id, epoch); break;
        default: t.pass(milliseconds{prng.below(400)}); break;
      }
      // What was fenced now had a session before, and each broker once at most.
      std::map<BrokerId, int> times;
      for (std::size_t f = before; f < t.fenced.size(); ++f) {
        const FenceBroker& fence = t.fenced[f];
        CHECK(in_session[fence.broker]);
        CHECK(fence.broker_epoch == epochs[fence.broker]);
        CHECK(++times[fence.broker] == 1);
      }
      for (auto& [broker, has] : in_session) has = t.sessions.has_session(broker);
    }
  }
}

}  // namespace
}  // namespace strandline
