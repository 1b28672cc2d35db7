#include "protocol/wire/messages/api_versions.h"

#include "protocol/wire/instantiate.h"

namespace strandline::wire {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_software_name(std::string_view text) {
  if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  for (const char c : text) {
    if (!is_alphanumeric(c) && c != '.' && c != '-') return false;
  }
  return true;
}

}  // namespace

bool ApiVersionsRequest::names_valid_software(std::int16_t version) const {
  if (version < 3) return true;
  return is_software_name(client_software_name) && is_software_name(client_software_version);
}

STRANDLINE_WIRE_API(ApiVersionsRequest, ApiVersionsResponse)

}  // namespace strandline::wire
