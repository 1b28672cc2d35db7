#include "broker/handlers/find_coordinator.h"

namespace strandline {
namespace {

constexpr std::int16_t kFirstVersionWithKeys = 4;

std::string reason(wire::CoordinatorType type) {
  switch (type) {
    case wire::CoordinatorType::group: return "This broker does not serve consumer groups";
    case wire::CoordinatorType::transaction: return "This broker does not serve transactions";
  }
  return "Unknown coordinator type";
}

}  // namespace

wire::FindCoordinatorResponse answer_find_coordinator(const wire::FindCoordinatorRequest& request,
                                                      std::int16_t version) {
  wire::FindCoordinatorResponse response;
  if (version < kFirstVersionWithKeys) {
    response.error_code = Errc::invalid_request;
    response.error_message = reason(request.key_type);
    return response;
  }
  for (const auto key : request.keys) {
    response.coordinators.push_back({.key = std::string{key},
                                     .error_code = Errc::invalid_request,
                                     .error_message = reason(request.key_type)});
  }
  return response;
}

}  // namespace strandline
