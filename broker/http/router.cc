#include "broker/http/router.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "broker/http/admin_json.h"
#include "broker/http/host_check.h"

namespace strandline {
namespace {

constexpr std::string_view kTopicPrefix = "/v1/topics/";

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
    "GET  /v1/brokers/self      version, uptime, settings in effect\n"
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
  std::string_view path;
  bool kafka_port = false;  // served there, too
  AdminScope scope = AdminScope::broker;
  Handler get = nullptr;
  Handler post = nullptr;
};

constexpr std::array<Route, 10> kRoutes = {{
    {"/", false, AdminScope::broker, show_index},
    {"/metrics", true, AdminScope::partitions, show_metrics},
    {"/health", true, AdminScope::shards, show_health},
    {"/ready", true, AdminScope::broker, show_ready},
    {"/v1/cluster", false, AdminScope::partitions, show_cluster},
    {"/v1/quorum", false, AdminScope::quorum, show_quorum},
    {"/v1/topics", false, AdminScope::partitions, show_topics},
    {kTopicPrefix, false, AdminScope::partitions, show_topic},
    {"/v1/brokers/self", false, AdminScope::broker, show_self},
    {"/v1/log-level", false, AdminScope::broker, show_log_level, change_log_level},
}};

const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    const bool named_below = route.path == kTopicPrefix && path.starts_with(kTopicPrefix) &&
                             path.size() > kTopicPrefix.size();
    if (path == route.path ? route.path != kTopicPrefix : named_below) return &route;
  }
  return nullptr;
}

HttpResponse not_on_this_port(const RouterConfig& config) {
  const std::string where = config.http_address.empty()
                                ? "set http.listen to have the rest of the API"
                                : "the rest of the API is at http://" + config.http_address + "/";
  return http_error(404, "this is the kafka port: it answers GET /metrics, /health and /ready only",
                    where);
}

}  // namespace

HttpResponse http_error(int status, std::string_view message, std::string_view hint) {
  return json_response(error_json(message, hint), status);
}

AdminScope scope_of(const HttpRequest& request) {
  const Route* route = find_route(path_of(request.target));
  return route == nullptr ? AdminScope::broker : route->scope;
}

HttpResponse route(const HttpRequest& request, const RouterConfig& config, AdminBackend& backend) {
  const std::string_view path = path_of(request.target);
  const Route* found = find_route(path);
  const bool reads = !changes_state(request.method);
  if (request.surface == HttpSurface::kafka_port &&
      (found == nullptr || !found->kafka_port || !reads)) {
    return not_on_this_port(config);
  }
  if (found == nullptr) {
    return http_error(404, "there is nothing at this path", "GET / lists what there is");
  }
  if (path.starts_with("/v1/")) {
    if (auto refusal = refuse_foreign(request, config.allowed_names)) return std::move(*refusal);
  }
  const Handler handler = reads ? found->get : request.method == "POST" ? found->post : nullptr;
  if (handler == nullptr) {
    const bool posts = found->post != nullptr;
    HttpResponse refused = http_error(405, "this path does not take that method",
                                      posts ? "use GET, HEAD or POST" : "use GET or HEAD");
    refused.allow = posts ? "GET, HEAD, POST" : "GET, HEAD";
    return refused;
  }
  return handler(request, backend);
}

}  // namespace strandline
