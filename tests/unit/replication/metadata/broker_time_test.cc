#include "replication/metadata/broker_time.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

using std::chrono::milliseconds;

Instant at(int ms) { return Instant{} + milliseconds{ms}; }

VouchedHeartbeat beat(HeartbeatLedger& ledger, int ms, std::uint64_t number, int end, int led_ms,
                      std::int64_t epoch = 1) {
  return ledger.on_heartbeat(at(ms), BrokerId{1}, epoch, number, Offset{end}, at(led_ms));
}

TEST_CASE("HeartbeatLedger: a heartbeat is vouched for when the controller led after it came",
          "[time]") {
  HeartbeatLedger ledger;
  CHECK(beat(ledger, 100, 1, 10, 50) == VouchedHeartbeat{});
  CHECK(beat(ledger, 200, 2, 20, 99) == VouchedHeartbeat{});
  CHECK(beat(ledger, 300, 3, 30, 100) == VouchedHeartbeat{1, Offset{10}});
  CHECK(beat(ledger, 400, 4, 40, 350) == VouchedHeartbeat{3, Offset{30}});
  // A quorum of one always leads.
  CHECK(beat(ledger, 500, 5, 50, 500) == VouchedHeartbeat{5, Offset{50}});
  // Nothing of it is taken back.
  CHECK(beat(ledger, 600, 6, 60, 500) == VouchedHeartbeat{5, Offset{50}});
}

TEST_CASE("HeartbeatLedger: a heartbeat that is repeated counts as when it came first", "[time]") {
  HeartbeatLedger ledger;
  (void)beat(ledger, 100, 1, 10, 0);
  (void)beat(ledger, 200, 2, 20, 0);
  (void)beat(ledger, 300, 1, 30, 0);
  CHECK(beat(ledger, 310, 3, 30, 300) == VouchedHeartbeat{2, Offset{20}});
  CHECK(beat(ledger, 320, 2, 40, 305) == VouchedHeartbeat{2, Offset{20}});
}

TEST_CASE("HeartbeatLedger: another registration begins anew, and brokers are apart", "[time]") {
  HeartbeatLedger ledger;
  CHECK(beat(ledger, 100, 7, 10, 100) == VouchedHeartbeat{7, Offset{10}});
  CHECK(beat(ledger, 200, 1, 20, 100, 2) == VouchedHeartbeat{});
  CHECK(ledger.on_heartbeat(at(200), BrokerId{2}, 1, 4, Offset{25}, at(100)) == VouchedHeartbeat{});
  CHECK(beat(ledger, 300, 2, 30, 200, 2) == VouchedHeartbeat{1, Offset{20}});
}

TEST_CASE("HeartbeatLedger: while the quorum is silent it remembers a bounded number", "[time]") {
  HeartbeatLedger ledger;
  const int sent = 100;
  for (int i = 1; i <= sent; ++i) {
    CHECK(beat(ledger, i, static_cast<std::uint64_t>(i), i, 0) == VouchedHeartbeat{});
  }
  const int oldest = sent - static_cast<int>(HeartbeatLedger::kWaitingMax) + 1;
  CHECK(beat(ledger, 200, 101, 200, oldest - 1) == VouchedHeartbeat{});
  CHECK(beat(ledger, 201, 102, 201, 100) == VouchedHeartbeat{100, Offset{100}});
}

TEST_CASE("BrokerTime: a number tells when its heartbeat was sent, for a while", "[time]") {
  BrokerTime time;
  const auto at = [](std::int64_t ms) {
    return BrokerMoment{Timestamp{ms}, Instant{std::chrono::milliseconds{5 * ms}}};
  };
  CHECK(time.on_send(at(1000)) == 1);
  CHECK(time.on_send(at(2000)) == 2);
  CHECK(time.sent_at({1, Offset{0}}) == at(1000));
  CHECK(time.sent_at({2, Offset{0}}) == at(2000));
  CHECK_FALSE(time.sent_at({0, Offset{0}}));
  CHECK_FALSE(time.sent_at({3, Offset{0}}));
  for (int i = 0; i < 100; ++i) (void)time.on_send(at(3000));
  CHECK_FALSE(time.sent_at({2, Offset{0}}));
  CHECK(time.sent_at({102, Offset{0}}) == at(3000));
}

}  // namespace
}  // namespace strandline
