#include "broker/http/router.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/http/admin_json.h"
#include "broker/http/host_check.h"

namespace strandline {
namespace {

constexpr std::string_view kTopicPrefix = "/v1/topics/";
constexpr std::string_view kBrokerPrefix = "/v1/brokers/";

constexpr std::string_view kIndex =
    "strandline broker\n"
    "\n"
    "GET  /metrics              numbers for Prometheus\n"
    "GET  /health               is the process well? says each check\n"
    "GET  /ready                200 once clients are served, 503 before\n"
    "GET  /v1/cluster           brokers, controller, counts\n"
    "GET  /v1/quorum            who votes on the metadata, who leads, who is behind\n"
    "GET  /v1/topics            all topics\n"
    "GET  /v1/topics/NAME       its partitions: leader, offsets, size\n"
    "GET  /v1/reassignments     partitions that are being given other replicas\n"
    "GET  /v1/brokers/self      version, uptime, settings in effect\n"
    "GET  /v1/brokers/ID/safe-to-stop\n"
    "                           may the broker be stopped now? says why not\n"
    "POST /v1/brokers/ID/drain  takes everything off the broker, before it leaves for good\n"
    "GET  /v1/log-level         the level of log lines\n"
    "POST /v1/log-level         {\"level\": \"debug\"} changes it until the restart\n";

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// The path segment without its %XX escapes; nothing when one is broken.
std::optional<std::string> unescape(std::string_view segment) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      out += segment[i];
      continue;
    }
    if (i + 2 >= segment.size()) return std::nullopt;
    const auto high = hex_digit(segment[i + 1]);
    const auto low = hex_digit(segment[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

HttpResponse json_response(std::string body, int status = 200) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

using Handler = HttpResponse (*)(const HttpRequest& request, AdminBackend& backend);

HttpResponse show_index(const HttpRequest&, AdminBackend&) {
  return {.content_type = "text/plain; charset=utf-8", .body = std::string{kIndex}};
}

HttpResponse show_metrics(const HttpRequest&, AdminBackend& backend) {
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = backend.metrics_page()};
}

HttpResponse show_health(const HttpRequest&, AdminBackend& backend) {
  // 200 also when a check fails: whoever restarts processes by this must not restart one whose disk
  // is full. A process that cannot do its work at all does not get here (see gather_timeout).
  return json_response(to_json(backend.health()));
}

HttpResponse show_ready(const HttpRequest&, AdminBackend& backend) {
  const Readiness readiness = backend.readiness();
  return json_response(to_json(readiness), readiness.serving ? 200 : 503);
}

HttpResponse show_cluster(const HttpRequest&, AdminBackend& backend) {
  return json_response(to_json(backend.cluster()));
}

HttpResponse show_topics(const HttpRequest&, AdminBackend& backend) {
  return json_response(to_json(backend.topics()));
}

HttpResponse show_topic(const HttpRequest& request, AdminBackend& backend) {
  const auto name = unescape(path_of(request.target).substr(kTopicPrefix.size()));
  if (!name) return http_error(400, "the path holds a broken %XX escape", "write %25 for a %");
  const auto topic = backend.topic(*name);
  if (!topic) {
    return http_error(404, "there is no topic of that name", "GET /v1/topics lists them");
  }
  return json_response(to_json(*topic));
}

HttpResponse show_quorum(const HttpRequest&, AdminBackend& backend) {
  return json_response(to_json(backend.quorum()));
}

HttpResponse show_self(const HttpRequest&, AdminBackend& backend) {
  return json_response(to_json(backend.self()));
}

HttpResponse show_reassignments(const HttpRequest&, AdminBackend& backend) {
  return json_response(to_json(backend.reassignments()));
}

HttpResponse problem_response(const AdminProblem& problem) {
  switch (problem.kind) {
    case AdminProblem::Kind::no_such_broker:
      return http_error(404, problem.text, "GET /v1/cluster lists the brokers");
    case AdminProblem::Kind::refused:
      return http_error(409, problem.text,
                        "nothing was changed; start more brokers, or let topics have fewer "
                        "replicas");
    case AdminProblem::Kind::no_answer: break;
  }
  return http_error(503, problem.text,
                    "GET /v1/quorum tells who decides, GET /v1/reassignments what was begun");
}

HttpResponse show_safe_to_stop(const HttpRequest&, AdminBackend& backend) {
  const StopView stop = backend.safe_to_stop();
  return stop.problem ? problem_response(*stop.problem) : json_response(to_json(stop));
}

HttpResponse drain_broker(const HttpRequest&, AdminBackend& backend) {
  const DrainView drain = backend.drain();
  return drain.problem ? problem_response(*drain.problem) : json_response(to_json(drain));
}

HttpResponse show_log_level(const HttpRequest&, AdminBackend& backend) {
  return json_response(log_level_json(backend.current_log_level()));
}

HttpResponse change_log_level(const HttpRequest& request, AdminBackend& backend) {
  const auto level = parse_log_level_request(request.body);
  if (!level) {
    return http_error(400, "the body is not a log level",
                      R"(send {"level": "info"}: trace, debug, info, warning, error or off)");
  }
  backend.change_log_level(*level);
  return json_response(log_level_json(*level));
}

struct Route {
  std::string_view path;    // where there is a name in it, what comes before that
  bool kafka_port = false;  // served there, too
  AdminScope scope = AdminScope::broker;
  Handler get = nullptr;
  Handler post = nullptr;
  std::string_view after_name = {};  // and what comes after it

  bool has_name() const { return path.size() > 1 && path.ends_with('/'); }
  bool is_about_a_broker() const { return path == kBrokerPrefix; }
};

constexpr std::array<Route, 13> kRoutes = {{
    {"/", false, AdminScope::broker, show_index},
    {"/metrics", true, AdminScope::partitions, show_metrics},
    {"/health", true, AdminScope::shards, show_health},
    {"/ready", true, AdminScope::broker, show_ready},
    {"/v1/cluster", false, AdminScope::partitions, show_cluster},
    {"/v1/quorum", false, AdminScope::quorum, show_quorum},
    {"/v1/topics", false, AdminScope::partitions, show_topics},
    {kTopicPrefix, false, AdminScope::partitions, show_topic},
    {"/v1/reassignments", false, AdminScope::broker, show_reassignments},
    {"/v1/brokers/self", false, AdminScope::broker, show_self},
    {kBrokerPrefix, false, AdminScope::safe_to_stop, show_safe_to_stop, nullptr, "/safe-to-stop"},
    {kBrokerPrefix, false, AdminScope::drain, nullptr, drain_broker, "/drain"},
    {"/v1/log-level", false, AdminScope::broker, show_log_level, change_log_level},
}};

// The name in a path of the route's form; empty when it has another.
std::string_view name_in(const Route& route, std::string_view path) {
  const std::size_t around = route.path.size() + route.after_name.size();
  const bool has_form =
      path.size() > around && path.starts_with(route.path) && path.ends_with(route.after_name);
  return has_form ? path.substr(route.path.size(), path.size() - around) : std::string_view{};
}

const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.has_name() ? !name_in(route, path).empty() : path == route.path) return &route;
  }
  return nullptr;
}

Handler handler_of(const Route& route, std::string_view method) {
  if (!changes_state(method)) return route.get;
  return method == "POST" ? route.post : nullptr;
}

// A node.id, or "self"; nothing when it is neither.
std::optional<std::int32_t> broker_id(std::string_view name) {
  if (name == "self") return AdminQuery::kThisBroker;
  std::int32_t id = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc{} || end != name.data() + name.size() || id < 0) return std::nullopt;
  return id;
}

HttpResponse not_on_this_port(const RouterConfig& config) {
  const std::string where = config.http_address.empty()
                                ? "set http.listen to have the rest of the API"
                                : "the rest of the API is at http://" + config.http_address + "/";
  return http_error(404, "this is the kafka port: it answers GET /metrics, /health and /ready only",
                    where);
}

HttpResponse wrong_method(const Route& route) {
  const char* const allow = route.post == nullptr  ? "GET, HEAD"
                            : route.get == nullptr ? "POST"
                                                   : "GET, HEAD, POST";
  HttpResponse refused =
      http_error(405, "this path does not take that method", std::string{"it takes "} + allow);
  refused.allow = allow;
  return refused;
}

// What can be refused without knowing anything of the broker.
std::optional<HttpResponse> refuse(const HttpRequest& request, const RouterConfig& config,
                                   const Route* route) {
  const std::string_view path = path_of(request.target);
  if (request.surface == HttpSurface::kafka_port &&
      (route == nullptr || !route->kafka_port || changes_state(request.method))) {
    return not_on_this_port(config);
  }
  if (route == nullptr) {
    return http_error(404, "there is nothing at this path", "GET / lists what there is");
  }
  if (path.starts_with("/v1/")) {
    if (auto refusal = refuse_foreign(request, config.allowed_names)) return refusal;
  }
  if (handler_of(*route, request.method) == nullptr) return wrong_method(*route);
  if (route->is_about_a_broker() && !broker_id(name_in(*route, path))) {
    return http_error(400, "the path does not name a broker",
                      "write its node.id, or self for the one that is asked");
  }
  return std::nullopt;
}

}  // namespace

HttpResponse http_error(int status, std::string_view message, std::string_view hint) {
  return json_response(error_json(message, hint), status);
}

AdminQuery query_of(const HttpRequest& request, const RouterConfig& config) {
  const std::string_view path = path_of(request.target);
  const Route* found = find_route(path);
  if (refuse(request, config, found)) return {};
  AdminQuery query{.scope = found->scope};
  if (found->is_about_a_broker()) query.broker_id = *broker_id(name_in(*found, path));
  return query;
}

HttpResponse route(const HttpRequest& request, const RouterConfig& config, AdminBackend& backend) {
  const Route* found = find_route(path_of(request.target));
  if (auto refusal = refuse(request, config, found)) return std::move(*refusal);
  return handler_of(*found, request.method)(request, backend);
}

}  // namespace strandline
