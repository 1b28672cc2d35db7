#include "broker/http/router.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "tests/unit/broker/http/fake_backend.h"

namespace strandline {
namespace {

struct RouterHarness {
  FakeBackend backend;
  RouterConfig config{.allowed_names = {}, .http_address = "127.0.0.1:9644"};

  HttpResponse ask(std::string method, std::string target, std::string body = "",
                   HttpSurface surface = HttpSurface::admin) {
    const HttpRequest request{.method = std::move(method),
                              .target = std::move(target),
                              .host = "127.0.0.1:9644",
                              .content_type = "application/json",
                              .body = std::move(body),
                              .surface = surface};
    return route(request, config, backend);
  }
  AdminQuery query(std::string method, std::string target) {
    return query_of({.method = std::move(method),
                     .target = std::move(target),
                     .host = "127.0.0.1:9644",
                     .content_type = "application/json"},
                    config);
  }
  boost::json::object ask_json(std::string target, int status = 200) {
    const HttpResponse response = ask("GET", std::move(target));
    CHECK(response.status == status);
    CHECK(response.content_type == "application/json");
    return boost::json::parse(response.body).as_object();
  }
};

TEST_CASE("router: the index names every path", "[http]") {
  RouterHarness t;
  const HttpResponse index = t.ask("GET", "/");
  CHECK(index.status == 200);
  for (const char* path :
       {"/metrics", "/health", "/ready", "/v1/cluster", "/v1/topics", "/v1/topics/NAME",
        "/v1/quorum", "/v1/reassignments", "/v1/brokers/self", "/v1/brokers/ID/safe-to-stop",
        "/v1/brokers/ID/drain", "/v1/log-level"}) {
    CHECK(index.body.find(path) != std::string::npos);
  }
}

TEST_CASE("router: metrics carry the content type scrapers expect", "[http]") {
  const HttpResponse response = RouterHarness{}.ask("GET", "/metrics?name=x");
  CHECK(response.status == 200);
  CHECK(response.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(response.body.starts_with("# HELP"));
}

TEST_CASE("router: ready is 503 until clients are served", "[http]") {
  RouterHarness t;
  CHECK(t.ask_json("/ready")["ready"].as_bool());
  t.backend.ready = {.serving = false, .reason = "recovering 3 of 100 partitions"};
  boost::json::object ready = t.ask_json("/ready", 503);
  CHECK_FALSE(ready["ready"].as_bool());
  CHECK(ready["reason"].as_string() == "recovering 3 of 100 partitions");
}

TEST_CASE("router: health tells each check, and a full disk is no reason to restart", "[http]") {
  RouterHarness t;
  CHECK(t.ask_json("/health")["status"].as_string() == "ok");
  t.backend.checks.push_back({.name = "disk", .ok = false, .detail = "12 MiB free"});
  boost::json::object health = t.ask_json("/health", 200);
  CHECK(health["status"].as_string() == "degraded");
  REQUIRE(health["checks"].as_array().size() == 2);
  CHECK(health["checks"].as_array()[1].as_object()["detail"].as_string() == "12 MiB free");
}

TEST_CASE("router: topics are listed with sizes and told one by one", "[http]") {
  RouterHarness t;
  boost::json::object list = t.ask_json("/v1/topics");
  const boost::json::object& first = list["topics"].as_array()[0].as_object();
  CHECK(first.at("name").as_string() == "orders");
  CHECK(first.at("partition_count").as_int64() == 2);
  CHECK(first.at("size_bytes").as_int64() == 123);

  boost::json::object topic = t.ask_json("/v1/topics/orders");
  const boost::json::array& partitions = topic["partitions"].as_array();
  REQUIRE(partitions.size() == 2);
  CHECK(partitions[0].as_object().at("high_watermark").as_int64() == 10);
  CHECK(partitions[0].as_object().at("leader").as_int64() == 7);
  CHECK(partitions[1].as_object().at("offline").as_bool());

  CHECK(t.ask_json("/v1/topics/plain%2Etxt")["name"].as_string() == "plain.txt");
  CHECK(t.ask("GET", "/v1/topics/none").status == 404);
  CHECK(t.ask("GET", "/v1/topics/%zz").status == 400);
  CHECK(t.ask("GET", "/v1/topics/a%2").status == 400);
  CHECK(t.ask("GET", "/v1/topics/").status == 404);
}

TEST_CASE("router: cluster and self describe what runs", "[http]") {
  RouterHarness t;
  boost::json::object cluster = t.ask_json("/v1/cluster");
  CHECK(cluster["controller"].as_int64() == 7);
  CHECK(cluster["brokers"].as_array()[0].as_object().at("port").as_int64() == 9092);
  boost::json::object self = t.ask_json("/v1/brokers/self");
  CHECK(self["version"].as_string() == "0.1.0");
  CHECK(self["settings"].as_object().at("shards").as_object().at("value").as_string() == "2");
}

TEST_CASE("router: the log level changes by a right request only", "[http]") {
  RouterHarness t;
  CHECK(t.ask("POST", "/v1/log-level", R"({"level": "debug"})").status == 200);
  CHECK(t.backend.level == LogLevel::debug);
  CHECK(t.ask_json("/v1/log-level")["level"].as_string() == "debug");

  const std::string deep = std::string(100'000, '[');
  for (const std::string& body :
       {std::string{}, std::string{"debug"}, std::string{R"({"level":1})"},
        std::string{R"({"level":"loud"})"}, std::string{R"(["warning"])"},
        std::string{R"({"level":"warning","x":1})"}, std::string{R"({"level":"warning"} x)"},
        deep}) {
    INFO(body.substr(0, 40));
    const HttpResponse refused = t.ask("POST", "/v1/log-level", body);
    CHECK(refused.status == 400);
    CHECK(refused.body.find("hint") != std::string::npos);
  }
  CHECK(t.backend.level == LogLevel::debug);
}

TEST_CASE("router: nothing changes for a web page", "[http]") {
  RouterHarness t;
  HttpRequest request{.method = "POST",
                      .target = "/v1/log-level",
                      .host = "rebound.example:9644",
                      .content_type = "application/json",
                      .body = R"({"level": "off"})"};
  CHECK(route(request, t.config, t.backend).status == 403);
  request.host = "127.0.0.1:9644";
  request.origin = "http://rebound.example";
  CHECK(route(request, t.config, t.backend).status == 403);
  request.origin.clear();
  request.content_type = "text/plain";
  CHECK(route(request, t.config, t.backend).status == 415);
  CHECK(t.backend.level == LogLevel::info);
}

TEST_CASE("router: a wrong method is told the right ones, a wrong path where to look", "[http]") {
  RouterHarness t;
  const HttpResponse deleted = t.ask("DELETE", "/v1/topics/orders");
  CHECK(deleted.status == 405);
  CHECK(deleted.allow == "GET, HEAD");
  CHECK(t.ask("PUT", "/v1/log-level").allow == "GET, HEAD, POST");
  CHECK(t.ask("GET", "/v1/brokers/7/drain").status == 405);
  CHECK(t.ask("GET", "/v1/brokers/7/drain").allow == "POST");
  CHECK(t.ask("POST", "/v1/brokers/7/safe-to-stop").allow == "GET, HEAD");
  CHECK(t.ask("OPTIONS", "/metrics").status == 405);
  CHECK(t.ask("HEAD", "/metrics").status == 200);
  for (const char* path :
       {"", "*", "//metrics", "/metrics/", "/v1", "/v2/topics", "/../etc/passwd"}) {
    INFO(path);
    const HttpResponse missing = t.ask("GET", path);
    CHECK(missing.status == 404);
    CHECK(missing.body.find("GET / lists") != std::string::npos);
  }
}

TEST_CASE("router: the kafka port serves its three paths and points elsewhere for the rest",
          "[http]") {
  RouterHarness t;
  for (const char* path : {"/metrics", "/health", "/ready"}) {
    CHECK(t.ask("GET", path, "", HttpSurface::kafka_port).status == 200);
    CHECK(t.ask("HEAD", path, "", HttpSurface::kafka_port).status == 200);
    CHECK(t.ask("POST", path, "", HttpSurface::kafka_port).status == 404);
  }
  for (const char* path : {"/", "/v1/topics", "/v1/log-level", "/nothing"}) {
    const HttpResponse elsewhere = t.ask("GET", path, "", HttpSurface::kafka_port);
    CHECK(elsewhere.status == 404);
    CHECK(elsewhere.body.find("http://127.0.0.1:9644/") != std::string::npos);
  }
  CHECK(t.ask("POST", "/v1/log-level", R"({"level":"off"})", HttpSurface::kafka_port).status ==
        404);
  CHECK(t.backend.level == LogLevel::info);
  t.config.http_address.clear();
  CHECK(t.ask("GET", "/", "", HttpSurface::kafka_port).body.find("set http.listen") !=
        std::string::npos);
}

TEST_CASE("router: only what needs the shards waits for them", "[http]") {
  RouterHarness t;
  CHECK(t.query("GET", "/ready").scope == AdminScope::broker);
  CHECK(t.query("HEAD", "/health?x").scope == AdminScope::shards);
  CHECK(t.query("GET", "/metrics").scope == AdminScope::partitions);
  CHECK(t.query("GET", "/v1/topics/a").scope == AdminScope::partitions);
  CHECK(t.query("GET", "/v1/reassignments").scope == AdminScope::broker);
  CHECK(t.query("GET", "/nothing").scope == AdminScope::broker);
}

TEST_CASE("router: the controller is asked about the broker in the path", "[http]") {
  RouterHarness t;
  const AdminQuery stop = t.query("GET", "/v1/brokers/12/safe-to-stop?x=1");
  CHECK(stop.scope == AdminScope::safe_to_stop);
  CHECK(stop.broker_id == 12);
  const AdminQuery drain = t.query("POST", "/v1/brokers/0/drain");
  CHECK(drain.scope == AdminScope::drain);
  CHECK(drain.broker_id == 0);
  CHECK(t.query("HEAD", "/v1/brokers/self/safe-to-stop").broker_id == AdminQuery::kThisBroker);
  for (const char* name : {"x", "-1", "1x", "+1", "99999999999", "1/2", "%31", " 1"}) {
    INFO(name);
    const std::string path = "/v1/brokers/" + std::string{name} + "/drain";
    CHECK(t.query("POST", path).scope == AdminScope::broker);
    CHECK(t.ask("POST", path).status == 400);
  }
  for (const char* path : {"/v1/brokers/", "/v1/brokers/7", "/v1/brokers//drain",
                           "/v1/brokers/drain", "/v1/brokers/7/drain/"}) {
    INFO(path);
    CHECK(t.ask("GET", path).status == 404);
  }
}

// It is told before the answer is made: who may not ask must not have asked.
TEST_CASE("router: what is refused drains nothing", "[http]") {
  RouterHarness t;
  const HttpRequest good{.method = "POST",
                         .target = "/v1/brokers/7/drain",
                         .host = "127.0.0.1:9644",
                         .content_type = "application/json"};
  CHECK(query_of(good, t.config).scope == AdminScope::drain);
  HttpRequest request = good;
  request.host = "rebound.example:9644";
  CHECK(query_of(request, t.config).scope == AdminScope::broker);
  request = good;
  request.origin = "http://rebound.example";
  CHECK(query_of(request, t.config).scope == AdminScope::broker);
  request = good;
  request.content_type = "text/plain";
  CHECK(query_of(request, t.config).scope == AdminScope::broker);
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
    request = good;
    request.method = method;
    CHECK(query_of(request, t.config).scope == AdminScope::broker);
  }
  request = good;
  request.surface = HttpSurface::kafka_port;
  CHECK(query_of(request, t.config).scope == AdminScope::broker);
}

TEST_CASE("router: a broker that is not safe to stop comes with the reasons", "[http]") {
  RouterHarness t;
  boost::json::object safe = t.ask_json("/v1/brokers/7/safe-to-stop");
  CHECK(safe["node_id"].as_int64() == 7);
  CHECK(safe["safe"].as_bool());
  CHECK(safe["reasons"].as_array().empty());
  t.backend.stop = {.problem = {},
                    .node_id = 7,
                    .safe = false,
                    .reasons = {"1 partition would have no leader"},
                    .unavailable = 1,
                    .below_min_insync = 0,
                    .partitions = {{"orders", 1, "unavailable", "no other replica"}}};
  boost::json::object unsafe = t.ask_json("/v1/brokers/7/safe-to-stop");
  CHECK_FALSE(unsafe["safe"].as_bool());
  CHECK(unsafe["reasons"].as_array().at(0).as_string() == "1 partition would have no leader");
  CHECK(unsafe["unavailable"].as_int64() == 1);
  CHECK(unsafe["below_min_insync"].as_int64() == 0);
  const boost::json::object& partition = unsafe["partitions"].as_array().at(0).as_object();
  CHECK(partition.at("topic").as_string() == "orders");
  CHECK(partition.at("partition").as_int64() == 1);
  CHECK(partition.at("risk").as_string() == "unavailable");
  CHECK(partition.at("why").as_string() == "no other replica");
}

TEST_CASE("router: a drain tells how many partitions move, or why none does", "[http]") {
  RouterHarness t;
  const HttpResponse done = t.ask("POST", "/v1/brokers/7/drain");
  CHECK(done.status == 200);
  CHECK(done.body == "{\"node_id\":7,\"moving\":12}\n");
  using Kind = AdminProblem::Kind;
  const auto status_of = [&](Kind kind) {
    t.backend.drained.problem = t.backend.stop.problem = AdminProblem{kind, "it is so"};
    const HttpResponse refused = t.ask("POST", "/v1/brokers/7/drain");
    CHECK(refused.body.find("it is so") != std::string::npos);
    CHECK(t.ask("GET", "/v1/brokers/7/safe-to-stop").status == refused.status);
    return refused.status;
  };
  CHECK(status_of(Kind::no_such_broker) == 404);
  CHECK(status_of(Kind::refused) == 409);
  CHECK(status_of(Kind::no_answer) == 503);
}

TEST_CASE("router: reassignments are listed with who is in sync", "[http]") {
  RouterHarness t;
  CHECK(t.ask("GET", "/v1/reassignments").body ==
        "{\"reassignments\":[{\"topic\":\"orders\",\"partition\":1,\"replicas\":[4,2,1],"
        "\"adding\":[4],\"removing\":[1],\"isr\":[1,2]}]}\n");
}

}  // namespace
}  // namespace strandline
