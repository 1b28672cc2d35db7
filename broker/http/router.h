// Answers HTTP requests: a core, from a request and a gathered AdminBackend to a response.
//
//   GET  /                      what there is
//   GET  /metrics               Prometheus text
//   GET  /health                200 while the process does its work; says each check
//   GET  /ready                 200 once clients are served, 503 before
//   GET  /v1/cluster            brokers, controller, counts
//   GET  /v1/topics             all topics, with sizes
//   GET  /v1/topics/NAME        its partitions: leader, offsets, size
//   GET  /v1/reassignments      partitions that are being given other replicas
//   GET  /v1/brokers/self       version, uptime, addresses, settings in effect
//   GET  /v1/brokers/ID/safe-to-stop   may it be stopped now? if not, why
//   POST /v1/brokers/ID/drain          takes everything off it
//   GET  /v1/log-level          POST {"level": "debug"} changes it until the restart
//
// ID is a node.id, or "self". On the kafka port only /metrics, /health and /ready. HEAD is answered
// wherever GET is. Under /v1 the Host and Origin are checked always, the content type where
// something is changed.
//
// Thread   one owner of the backend at a time
#pragma once

#include <span>
#include <string>

#include "broker/http/admin_backend.h"
#include "broker/http/http_message.h"

namespace strandline {

struct RouterConfig {
  std::vector<std::string> allowed_names;  // see host_is_ours()
  std::string http_address;                // where the full API is, for hints; empty when nowhere
};

// What route() will need for this request. What it will refuse needs nothing, and does nothing.
AdminQuery query_of(const HttpRequest& request, const RouterConfig& config);

HttpResponse route(const HttpRequest& request, const RouterConfig& config, AdminBackend& backend);

}  // namespace strandline
