// Keeps web pages from commanding a broker.
//
// A page that a browser on this machine has open can send requests to loopback ports. Two things
// give it away: a foreign Origin, and, when it has bent its own name to 127.0.0.1 (DNS rebinding),
// a Host that is a name we do not have. An IP literal cannot be bent, so it is always fine.
//
// Thread   pure functions
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/http/http_message.h"

namespace strandline {

// host           a Host header: a name or IP literal, with or without port
// allowed_names  what this broker is called: the hosts of http.listen and kafka.advertise
//
// Returns        true for an IP literal, "localhost" and the allowed names, in any case
bool host_is_ours(std::string_view host, std::span<const std::string> allowed_names);

// An absent Origin is no browser's cross-site request; a present one must be http://<host>.
bool origin_is_same(std::string_view origin, std::string_view host);

// Whether a method may change something: anything but GET and HEAD.
bool changes_state(std::string_view method);

// Application/json, with or without parameters: a web form cannot send that without asking first.
bool is_json(std::string_view content_type);

// All of it for one request to /v1/...; the refusal when something is amiss.
std::optional<HttpResponse> refuse_foreign(const HttpRequest& request,
                                           std::span<const std::string> allowed_names);

}  // namespace strandline
