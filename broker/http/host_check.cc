#include "broker/http/host_check.h"

#include <arpa/inet.h>

#include <algorithm>

namespace strandline {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_ip(int family, std::string_view text) {
  in6_addr address;  // room for either family
  return inet_pton(family, std::string{text}.c_str(), &address) == 1;
}

// The host without brackets and port; nothing when it is no host at all.
struct HostPart {
  std::string_view name;
  bool bracketed = false;
};
std::optional<HostPart> host_part(std::string_view host) {
  if (host.find('\0') != std::string_view::npos) return std::nullopt;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = host.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return std::nullopt;
    return HostPart{host.substr(1, end - 1), true};
  }
  const std::size_t colon = host.find(':');
  if (colon == std::string_view::npos) return HostPart{host};
  if (!is_port(host.substr(colon + 1))) return std::nullopt;
  return HostPart{host.substr(0, colon)};
}

}  // namespace

bool host_is_ours(std::string_view host, std::span<const std::string> allowed_names) {
  const auto part = host_part(host);
  if (!part || part->name.empty()) return false;
  if (part->bracketed) return is_ip(AF_INET6, part->name);
  if (is_ip(AF_INET, part->name) || same_name(part->name, "localhost")) return true;
  return std::any_of(allowed_names.begin(), allowed_names.end(), [&](const std::string& name) {
    return !name.empty() && same_name(name, part->name);
  });
}

bool origin_is_same(std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  constexpr std::string_view kScheme = "http://";
  return origin.starts_with(kScheme) && same_name(origin.substr(kScheme.size()), host);
}

bool changes_state(std::string_view method) { return method != "GET" && method != "HEAD"; }

bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return same_name(type, "application/json");
}

std::optional<HttpResponse> refuse_foreign(const HttpRequest& request,
                                           std::span<const std::string> allowed_names) {
  if (request.host.empty()) {
    return http_error(400, "the request has no Host header", "send Host: <address>:<port>");
  }
  if (!host_is_ours(request.host, allowed_names)) {
    return http_error(
        403, "the Host header names a host that is not this broker",
        "use an IP address, localhost, or the host of http.listen or kafka.advertise");
  }
  if (!origin_is_same(request.origin, request.host)) {
    return http_error(
        403, "the request comes from a web page of another origin",
        "call the API from a program, or from a page served by the same host and port");
  }
  if (changes_state(request.method) && !is_json(request.content_type)) {
    return http_error(415, "requests that change something need Content-Type: application/json",
                      "with curl: -H 'Content-Type: application/json'");
  }
  return std::nullopt;
}

}  // namespace strandline
