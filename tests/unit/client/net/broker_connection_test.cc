// One connection: what is sent when, what comes of it, and how it ends.
#include "client/net/broker_connection.h"

#include <boost/asio/error.hpp>

#include "protocol/base/errc.h"
#include "tests/unit/client/net/scripted_broker.h"

namespace strandline::client {
namespace {

using namespace std::chrono_literals;

struct ConnectionHarness {
  explicit ConnectionHarness(const ConnectionConfig& given = config())
      : connection(BrokerConnection::make(io, broker.address(), given, 1)) {}
  ~ConnectionHarness() { connection->close(); }

  static ConnectionConfig config() {
    return {.connect_max = 2s, .answer_max = 5s, .reconnect = {.first = 5ms, .max = 20ms}};
  }

  // Asks for the leaders of a topic of so many letters, and notes what came of it by that.
  void ask(std::size_t letters = 1) {
    const std::string topic(letters, 't');
    wire::MetadataRequest request;
    request.topics.emplace().push_back({.name = topic});
    connection->send(request, [this](const Reply& reply) { replies.push_back(reply); });
  }
  void produce_unanswered() {
    connection->send(wire::ProduceRequest{.acks = 0},
                     [this](const Reply& reply) { replies.push_back(reply); });
  }
  bool await_replies(std::size_t count) {
    return run_until(io, [&] { return replies.size() >= count; });
  }
  const Failure& failure(std::size_t place) const {
    REQUIRE(std::holds_alternative<Failure>(replies.at(place)));
    return std::get<Failure>(replies.at(place));
  }
  // The number that the broker put into the answer.
  std::int32_t answered(std::size_t place) const {
    REQUIRE(std::holds_alternative<Answer>(replies.at(place)));
    return std::get<wire::MetadataResponse>(std::get<Answer>(replies.at(place)).body)
        .controller_id.value();
  }
  void answer_all() {
    broker.on_request = [this](ScriptedBroker::Link& link, const wire::RequestHeader& header) {
      if (header.api->key == wire::ApiKey::metadata) {
        link.answer(header, wire::MetadataResponse{.controller_id = BrokerId{broker.requests}});
      }
    };
  }

  boost::asio::io_context io;
  ScriptedBroker broker{io};
  std::shared_ptr<BrokerConnection> connection;
  std::vector<Reply> replies;
};

TEST_CASE("BrokerConnection: it connects when there is something to send, once", "[net]") {
  ConnectionHarness t;
  t.answer_all();
  t.ask();
  t.ask();
  REQUIRE(t.await_replies(2));
  t.ask();
  REQUIRE(t.await_replies(3));
  CHECK(t.answered(0) == 1);
  CHECK(t.answered(1) == 2);
  CHECK(t.answered(2) == 3);
  CHECK(t.broker.connections == 1);
}

TEST_CASE("BrokerConnection: who is not there is tried again, and requests fail meanwhile unsent",
          "[net]") {
  ConnectionHarness t;
  t.broker.stop();
  t.ask();
  REQUIRE(t.await_replies(1));
  CHECK(t.failure(0).delivery == Delivery::not_sent);
  CHECK(t.failure(0).error == boost::asio::error::connection_refused);
  CHECK(t.connection->is_failing());
  t.ask();
  REQUIRE(t.await_replies(2));
  CHECK(t.failure(1).delivery == Delivery::not_sent);
}

TEST_CASE("BrokerConnection: a connection that breaks leaves doubt about what was under way",
          "[net]") {
  ConnectionHarness t;
  t.broker.on_request = [](ScriptedBroker::Link& link, const wire::RequestHeader&) {
    link.close();
  };
  t.ask();
  t.ask();
  REQUIRE(t.await_replies(2));
  CHECK(t.failure(0).delivery == Delivery::unknown);
  t.answer_all();
  t.ask();
  REQUIRE(t.await_replies(3));
  CHECK(std::holds_alternative<Answer>(t.replies[2]));
  CHECK_FALSE(t.connection->is_failing());
  CHECK(t.broker.connections == 2);
}

TEST_CASE(
    "BrokerConnection: a broker that says nothing is given up in time, and with it all that waits",
    "[net]") {
  auto config = ConnectionHarness::config();
  config.answer_max = 50ms;
  ConnectionHarness t{config};
  t.ask();
  t.ask();
  REQUIRE(t.await_replies(2));
  CHECK(t.failure(0).error == Errc::request_timed_out);
  CHECK(t.failure(0).delivery == Delivery::unknown);
  CHECK(t.failure(1).error == Errc::request_timed_out);
}

TEST_CASE("BrokerConnection: one that accepts and does not greet counts as not reached", "[net]") {
  auto config = ConnectionHarness::config();
  config.connect_max = 50ms;
  ConnectionHarness t{config};
  t.broker.mute = true;
  t.ask();
  REQUIRE(t.await_replies(1));
  CHECK(t.failure(0).error == boost::asio::error::timed_out);
  CHECK(t.failure(0).delivery == Delivery::not_sent);
}

TEST_CASE("BrokerConnection: an idle one that the broker ends is no failure", "[net]") {
  ConnectionHarness t;
  t.answer_all();
  t.ask();
  REQUIRE(t.await_replies(1));
  t.broker.close_links();
  t.io.restart();
  t.io.run_for(20ms);
  CHECK_FALSE(t.connection->is_failing());
  t.ask();
  REQUIRE(t.await_replies(2));
  CHECK(std::holds_alternative<Answer>(t.replies[1]));
  CHECK(t.broker.connections == 2);
}

TEST_CASE("BrokerConnection: an answer to something else ends it", "[net]") {
  ConnectionHarness t;
  t.broker.on_request = [](ScriptedBroker::Link& link, wire::RequestHeader header) {
    ++header.correlation_id;
    link.answer(header, wire::MetadataResponse{});
  };
  t.ask();
  REQUIRE(t.await_replies(1));
  CHECK(t.failure(0).error == Errc::unasked_answer);
}

TEST_CASE("BrokerConnection: an answer larger than its bound, or none at all, ends it", "[net]") {
  auto config = ConnectionHarness::config();
  config.frame_bytes_max = 1000;
  ConnectionHarness t{config};
  std::vector<std::byte> bytes(8, std::byte{0});
  SECTION("large") {
    store_be(bytes.data(), std::int32_t{1001});
    t.broker.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader&) {
      link.write(bytes);
    };
    t.ask();
    REQUIRE(t.await_replies(1));
    CHECK(t.failure(0).error == Errc::frame_too_large);
  }
  SECTION("negative") {
    store_be(bytes.data(), std::int32_t{-1});
    t.broker.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader&) {
      link.write(bytes);
    };
    t.ask();
    REQUIRE(t.await_replies(1));
    CHECK(t.failure(0).error == Errc::malformed_frame);
  }
  SECTION("short") {
    store_be(bytes.data(), std::int32_t{2});
    t.broker.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader&) {
      link.write(bytes);
    };
    t.ask();
    REQUIRE(t.await_replies(1));
    CHECK(t.failure(0).error == Errc::truncated_frame);
  }
}

TEST_CASE(
    "BrokerConnection: a broker that knows older versions is asked in those, from the second "
    "time on",
    "[net]") {
  ConnectionHarness t;
  t.broker.versions.apis = {{static_cast<std::int16_t>(wire::ApiKey::metadata), 1, 7}};
  std::int16_t version = -1;
  t.broker.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader& header) {
    version = header.version;
    link.answer(header, wire::MetadataResponse{});
  };
  t.ask();
  REQUIRE(t.await_replies(1));
  CHECK(t.failure(0).error == Errc::rpc_not_connected);
  CHECK(t.failure(0).delivery == Delivery::not_sent);
  t.ask();
  REQUIRE(t.await_replies(2));
  CHECK(std::holds_alternative<Answer>(t.replies[1]));
  CHECK(version == 7);
}

TEST_CASE("BrokerConnection: what the broker does not know at all fails for good", "[net]") {
  ConnectionHarness t;
  t.broker.versions.apis = {{static_cast<std::int16_t>(wire::ApiKey::metadata), 1, 7}};
  t.answer_all();
  t.ask();
  REQUIRE(t.await_replies(1));
  t.connection->send(wire::InitProducerIdRequest{},
                     [&](const Reply& reply) { t.replies.push_back(reply); });
  REQUIRE(t.await_replies(2));
  CHECK(t.failure(1).error == Errc::unsupported_version);
}

TEST_CASE("BrokerConnection: a request without an answer is done when it has left, in its place",
          "[net]") {
  ConnectionHarness t;
  t.answer_all();
  t.ask();
  t.produce_unanswered();
  t.ask();
  t.produce_unanswered();
  REQUIRE(t.await_replies(4));
  CHECK(std::holds_alternative<Answer>(t.replies[0]));
  CHECK(std::holds_alternative<Sent>(t.replies[1]));
  CHECK(std::holds_alternative<Answer>(t.replies[2]));
  CHECK(std::holds_alternative<Sent>(t.replies[3]));
  CHECK(run_until(t.io, [&] { return t.broker.requests == 4; }));
}

TEST_CASE("BrokerConnection: requests beyond its bound fail at once", "[net]") {
  auto config = ConnectionHarness::config();
  config.requests_max = 2;
  ConnectionHarness t{config};
  for (int count = 0; count < 3; ++count) t.ask();
  REQUIRE(t.await_replies(1));
  CHECK(t.failure(0).error == Errc::rpc_queue_full);
  CHECK(t.connection->requests() == 2);
}

TEST_CASE("BrokerConnection: at its end all that waits fails, and after close() nobody is called",
          "[net]") {
  ConnectionHarness t;
  t.ask();
  REQUIRE(run_until(t.io, [&] { return t.broker.requests == 1; }));
  SECTION("end") {
    t.connection->end();
    REQUIRE(t.replies.size() == 1);
    CHECK(t.failure(0).delivery == Delivery::unknown);
  }
  SECTION("close") {
    t.connection->close();
    t.io.restart();
    t.io.run_for(20ms);
    CHECK(t.replies.empty());
  }
}

TEST_CASE("BrokerConnection: large requests and answers come through whole", "[net]") {
  ConnectionHarness t;
  std::size_t got = 0;
  t.broker.on_request = [&](ScriptedBroker::Link& link, const wire::RequestHeader& header) {
    auto budget = wire::DecodeBudget::for_frame(header.body.size());
    const auto request =
        wire::decode<wire::MetadataRequest>(header.body, header.version, budget).value();
    got = request.topics->front().name->size();
    wire::MetadataResponse response;
    response.topics.push_back({.name = std::string(got, 'r')});
    link.answer(header, response);
  };
  t.ask(30'000);
  REQUIRE(t.await_replies(1));
  CHECK(got == 30'000);
  const auto& body = std::get<Answer>(t.replies[0]).body;
  CHECK(std::get<wire::MetadataResponse>(body).topics.at(0).name->size() == 30'000);
}

TEST_CASE("ConnectionConfig: what cannot work is named", "[net]") {
  CHECK(ConnectionConfig{}.problem().empty());
  CHECK_FALSE(ConnectionConfig{.answer_max = 0s}.problem().empty());
  CHECK_FALSE(ConnectionConfig{.frame_bytes_max = 0}.problem().empty());
  CHECK_FALSE(ConnectionConfig{.requests_max = 0}.problem().empty());
}

}  // namespace
}  // namespace strandline::client
