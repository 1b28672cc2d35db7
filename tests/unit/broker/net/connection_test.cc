#include "broker/net/connection.h"

#include <boost/asio/buffer.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/unit/broker/net/connection_harness.h"

namespace strandline {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMiB = std::size_t{1} << 20;

TEST_CASE("Connection: answers leave in the order of the requests, whichever is ready first",
          "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send(framed("a") + framed("b") + framed("c") + framed("d"));
  REQUIRE(t.holds(4));
  t.answer(2, "C");
  t.answer(1, "B");
  t.answer(1, "D");
  t.answer(0, "A");
  const std::string expected = framed("A") + framed("B") + framed("C") + framed("D");
  CHECK(client.receive(expected.size()) == expected);
}

TEST_CASE("Connection: a request that gets no answer does not hold up the next", "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send(framed("acks=0") + framed("b"));
  REQUIRE(t.holds(2));
  t.answer(1, "B");
  t.on_shard([&] {
    t.held[0].finish_without_answer();
    t.held.clear();
  });
  CHECK(client.receive(5) == framed("B"));
  CHECK(t.open_connections == 1);
}

TEST_CASE("Connection: no more than requests_in_flight_max are worked on, and none is lost",
          "[connection]") {
  ConnectionHarness t{{.requests_in_flight_max = 3}};
  TestSocket client = t.connect();
  std::string sent;
  for (int i = 0; i < 20; ++i) sent += framed("request " + std::to_string(i));
  client.send(sent);
  REQUIRE(t.holds(3));
  for (int i = 0; i < 20; ++i) {
    REQUIRE(t.reaches([&] { return !t.held.empty(); }));
    t.answer(0);
    const std::string frame = framed("request " + std::to_string(i));
    CHECK(client.receive(frame.size()) == frame);
    CHECK(t.on_shard([&] { return t.held.size(); }) <= 3);
  }
  CHECK(t.metrics.reads_paused.value() > 0);
}

TEST_CASE("Connection: small requests with large answers stop at held_bytes_max", "[connection]") {
  ConnectionHarness t{{.held_bytes_max = kMiB}};
  const std::string large(std::size_t{100} * 1024, 'x');
  t.on_shard([&] {
    t.answer_at_once = [&large](Request request) { request.answer(pieces_of(framed(large))); };
  });
  TestSocket client = t.connect(4096);
  std::string sent;
  for (int i = 0; i < 1000; ++i) sent += framed("give me much");
  client.send(sent);
  REQUIRE(t.reaches([&] { return t.metrics.reads_paused.value() > 0; }));
  CHECK(t.budget.used() < 2 * kMiB);
  for (int i = 0; i < 1000; ++i)
    REQUIRE(client.receive(large.size() + 4).size() == large.size() + 4);
}

TEST_CASE("Connection: requests and answers that are not sent yet count for what it may hold",
          "[connection]") {
  ConnectionHarness t{{.held_bytes_max = 1000}};
  TestSocket client = t.connect();
  const std::string large = framed(std::string(3000, 'x'));
  client.send(large + framed("second") + framed("third"));
  REQUIRE(t.holds(1));  // one always fits, whatever its size
  REQUIRE(t.reaches([&] { return t.metrics.reads_paused.value() > 0; }));
  CHECK(t.on_shard([&] { return t.held.size(); }) == 1);
  t.answer(0, "ok");
  CHECK(client.receive(6) == framed("ok"));
  REQUIRE(t.holds(2));
  // The answer of the later one waits for its turn, and is held as long.
  t.answer(1, std::string(2000, 'y'));
  const std::uint64_t pauses = t.on_shard([&] { return t.metrics.reads_paused.value(); });
  client.send(framed("fourth"));
  REQUIRE(t.reaches([&] { return t.metrics.reads_paused.value() > pauses; }));
  CHECK(t.on_shard([&] { return t.held.size(); }) == 1);
  t.answer(0, "ok");
  CHECK(client.receive(6) == framed("ok"));
  CHECK(client.receive(2004) == framed(std::string(2000, 'y')));
  REQUIRE(t.holds(1));
}

TEST_CASE("Connection: a client that closes its side still gets its answers", "[connection]") {
  ConnectionHarness t{{.requests_in_flight_max = 2}};
  TestSocket client = t.connect();
  client.send(framed("a") + framed("b") + framed("c"));
  client.close_sending();
  for (const std::string_view body : {"a", "b", "c"}) {
    REQUIRE(t.reaches([&] { return !t.held.empty(); }));
    t.answer(0);
    CHECK(client.receive(5) == framed(body));
  }
  CHECK(client.sees_end());
  CHECK(t.closed_for(CloseReason::peer));
  CHECK(t.open_connections == 0);
}

TEST_CASE("Connection: the end of the stream in the middle of a frame is a broken connection",
          "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send(framed("whole request").substr(0, 9));
  client.close_sending();
  CHECK(client.sees_end());
  CHECK(t.closed_for(CloseReason::broken));
}

TEST_CASE("Connection: a request dropped without an answer closes it", "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send(framed("a") + framed("b"));
  REQUIRE(t.holds(2));
  t.on_shard([&] { t.erase(0); });
  CHECK(client.sees_end());
  CHECK(t.closed_for(CloseReason::malformed));
  t.answer(0, "B");  // late, of a connection that is gone: no harm
  CHECK(t.on_shard([&] { return t.table->size(); }) == 0);
}

TEST_CASE("Connection: a length outside the limits closes it and is counted", "[connection]") {
  ConnectionHarness t{{.frame_bytes_max = 1000}};
  TestSocket client = t.connect();
  client.send(std::string{"\x7f\xff\xff\xff", 4});
  CHECK(client.sees_end());
  CHECK(t.closed_for(CloseReason::frame_size));
  CHECK(t.metrics.malformed[static_cast<std::size_t>(MalformedKind::size)].value() == 1);
}

TEST_CASE("Connection: a client that speaks HTTP is handed over with what it has sent",
          "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send("GET /metrics HTTP/1.1\r\n\r\n");
  REQUIRE(t.reaches([&] { return t.http_sockets.size() == 1; }));
  CHECK(t.http_bytes.starts_with("GET /"));
  t.on_shard([&] { t.http_sockets.front().send(boost::asio::buffer("HTTP", 4)); });
  CHECK(client.receive(4) == "HTTP");
  CHECK(t.open_connections == 0);
}

TEST_CASE("Connection: HTTP is HTTP also where a frame of that length would be allowed",
          "[connection]") {
  ConnectionHarness t{{.frame_bytes_max = 0x7fffffff}};
  TestSocket client = t.connect();
  client.send("GET / HTTP/1.1\r\n\r\n");
  REQUIRE(t.reaches([&] { return t.http_sockets.size() == 1; }));
  CHECK(t.http_bytes.starts_with("GET /"));
}

TEST_CASE("Connection: after a first request HTTP is only a wrong length", "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send(framed("a") + "GET / HTTP/1.1\r\n\r\n");
  CHECK(client.sees_end());
  CHECK(t.closed_for(CloseReason::frame_size));
}

TEST_CASE("Connection: large answers reach a slow reader whole while it keeps reading",
          "[connection]") {
  ConnectionHarness t{{.held_bytes_max = 2 * kMiB}};
  TestSocket client = t.connect(16 * 1024);
  std::string expected;
  for (int i = 0; i < 8; ++i) client.send(framed(std::to_string(i)));
  for (int i = 0; i < 8; ++i) {
    REQUIRE(t.reaches([&] { return !t.held.empty(); }));
    const std::string body(kMiB, static_cast<char>('a' + i));
    t.answer(0, body);
    expected += framed(body);
  }
  CHECK(t.budget.used() > kMiB);  // what waits to be sent is counted
  CHECK(client.receive(expected.size()) == expected);
  CHECK(t.reaches([&] { return t.budget.used() == 0; }));
}

TEST_CASE("Connection: a client that takes no answers is closed after stall_max", "[connection]") {
  ConnectionHarness t{{.stall_max = milliseconds{50}}};
  TestSocket client = t.connect(4096);
  client.send(framed("a"));
  REQUIRE(t.holds(1));
  t.answer(0, std::string(32 * kMiB, 'x'));
  CHECK(t.closed_for(CloseReason::slow_reader));
  CHECK(t.reaches([&] { return t.budget.used() == 0; }));
}

TEST_CASE("Connection: a frame begun and not finished in time closes it", "[connection]") {
  ConnectionHarness t{{.stall_max = milliseconds{50}}};
  TestSocket client = t.connect();
  client.send(framed("request").substr(0, 6));
  CHECK(client.sees_end());
  CHECK(t.closed_for(CloseReason::half_sent));
}

TEST_CASE("Connection: one that asks for nothing is closed after idle_max", "[connection]") {
  ConnectionHarness t{{.idle_max = milliseconds{50}}};
  TestSocket idle = t.connect();
  TestSocket waits = t.connect();
  waits.send(framed("long poll"));
  REQUIRE(t.holds(1));
  CHECK(idle.sees_end());
  CHECK(t.closed_for(CloseReason::idle));
  t.answer(0, "late");  // who waits for an answer is not idle
  CHECK(waits.receive(8) == framed("late"));
}

TEST_CASE("Connection: time in which we did not read it is not held against the peer",
          "[connection]") {
  ConnectionHarness t{{.requests_in_flight_max = 1, .stall_max = milliseconds{1200}}};
  TestSocket client = t.connect();
  client.send(framed("a") + framed("bcdef").substr(0, 5));
  REQUIRE(t.holds(1));
  // Longer than stall_max, so that the next look at idle connections comes with the time over.
  const Instant until = steady_now() + milliseconds{1300};
  while (steady_now() < until) REQUIRE(t.on_shard([&] { return t.table->size(); }) == 1);
  t.on_shard([&] {
    const std::shared_ptr<Connection> connection = t.held[0].connection().shared_from_this();
    Request request = std::move(t.held[0]);
    t.held.clear();
    request.answer(pieces_of(framed("A")));
    connection->check_idle(steady_now());  // before the answer has left
    connection->resume_reading();
    connection->check_idle(steady_now());
  });
  CHECK(client.receive(5) == framed("A"));
  client.send(framed("bcdef").substr(5));
  CHECK(t.holds(1));
}

TEST_CASE("Connection: reading goes on when memory comes back, however long that took",
          "[connection]") {
  ConnectionHarness t{{}, 8 * kMiB};
  TestSocket client = t.connect();
  t.budget.charge(8 * kMiB);
  client.send(framed("a"));
  REQUIRE(t.reaches([&] { return t.metrics.reads_paused.value() == 1; }));
  // Several looks of the table find no memory yet.
  const Instant until = steady_now() + milliseconds{200};
  while (steady_now() < until) REQUIRE(t.on_shard([&] { return t.held.empty(); }));
  t.budget.release(8 * kMiB);
  REQUIRE(t.holds(1));
  t.answer(0);
  CHECK(client.receive(5) == framed("a"));
}

TEST_CASE("Connection: memory that comes and goes leaves no connection unread", "[connection]") {
  ConnectionHarness t{{}, 8 * kMiB};
  TestSocket client = t.connect();
  for (int round = 0; round < 5; ++round) {
    t.budget.charge(8 * kMiB);
    client.send(framed("a"));
    // At any moment between two looks at it; what is read meanwhile is as good.
    const Instant until = steady_now() + milliseconds{110};
    while (steady_now() < until) {
      for (int i = 0; i < 1000; ++i) {
        t.budget.release(8 * kMiB);
        t.budget.charge(8 * kMiB);
      }
    }
    t.budget.release(8 * kMiB);
    REQUIRE(t.holds(1));
    t.answer(0);
    REQUIRE(client.receive(5) == framed("a"));
  }
}

TEST_CASE("Connection: frames that are half received cannot hold all memory for ever",
          "[connection]") {
  ConnectionHarness t{{}, kMiB};
  std::vector<TestSocket> clients;
  const std::string frame = framed(std::string(700 * 1024, 'x'));
  for (int i = 0; i < 4; ++i) {
    clients.push_back(t.connect());
    REQUIRE(clients.back().send(frame.substr(0, 300 * 1024)));
  }
  REQUIRE(t.reaches([&] { return t.budget.is_exhausted(); }));
  // Each gets through once the one before it has been answered.
  std::vector<std::thread> senders;
  for (TestSocket& client : clients) {
    senders.emplace_back([&client, &frame] { client.send(frame.substr(300 * 1024)); });
  }
  for (int i = 0; i < 4; ++i) {
    const bool came = t.reaches([&] { return !t.held.empty(); });
    CHECK(came);
    if (came) t.answer(0, "done");
  }
  for (TestSocket& client : clients) CHECK(client.receive(8) == framed("done"));
  for (std::thread& sender : senders) sender.join();
}

// What a handler does: says where the work is, then answers.
void serve(ConnectionHarness& t, std::optional<std::size_t> worker) {
  t.on_shard([&] { t.held[0].connection().worked_at(worker); });
  t.answer(0);
}

TEST_CASE("Connection: it moves to the shard that does all its work, and loses no request",
          "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  for (int i = 0; i < 100; ++i) {
    client.send(framed("request"));
    REQUIRE(t.holds(1));
    serve(t, 1);
    REQUIRE(client.receive(framed("request").size()) == framed("request"));
  }
  CHECK(t.on_shard([&] { return t.moved_to; }) == 1U);
  CHECK(t.metrics.connections_moved.value() > 0);
  CHECK(t.metrics.connections_open.value() == 1);
  CHECK(t.metrics.connections_accepted.value() == 1);
  CHECK(t.open_connections == 1);
  // It is no stranger to the other shard: bytes like these are a wrong length, not HTTP.
  client.send("GET / HTTP/1.1\r\n");
  CHECK(t.closed_for(CloseReason::frame_size));
}

TEST_CASE("Connection: it stays where its work is, or where it is spread", "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  const auto workers = GENERATE(std::vector<std::optional<std::size_t>>{0},
                                std::vector<std::optional<std::size_t>>{std::nullopt},
                                std::vector<std::optional<std::size_t>>{1, std::nullopt},
                                std::vector<std::optional<std::size_t>>{1, 0});
  for (std::size_t i = 0; i < 100; ++i) {
    client.send(framed("request"));
    REQUIRE(t.holds(1));
    serve(t, workers[i % workers.size()]);
    REQUIRE(client.receive(framed("request").size()) == framed("request"));
  }
  CHECK_FALSE(t.on_shard([&] { return t.moved_to; }).has_value());
}

TEST_CASE("Connection: it does not move with requests under way", "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  client.send(framed("held up"));
  REQUIRE(t.holds(1));
  for (int i = 0; i < 40; ++i) {
    client.send(framed("request"));
    REQUIRE(t.holds(2));
    t.on_shard([&] { t.held[1].connection().worked_at(1); });
    t.answer(1);
  }
  CHECK_FALSE(t.on_shard([&] { return t.moved_to; }).has_value());
  t.answer(0);
  REQUIRE(client.receive(framed("held up").size()) == framed("held up"));
}

TEST_CASE("Connection: it does not move with a part of a request received", "[connection]") {
  ConnectionHarness t;
  TestSocket client = t.connect();
  const std::string frame = framed("request");
  const std::string begun = frame.substr(0, 3);
  client.send(begun);
  for (int i = 0; i < 40; ++i) {
    client.send(frame.substr(begun.size()) + begun);
    REQUIRE(t.holds(1));
    serve(t, 1);
    REQUIRE(client.receive(frame.size()) == frame);
  }
  CHECK_FALSE(t.on_shard([&] { return t.moved_to; }).has_value());
}

}  // namespace
}  // namespace strandline
