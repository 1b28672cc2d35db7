#include "protocol/base/errc.h"

#include <string>

namespace strandline {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "strandline"; }
  std::string message(int value) const override {
    return std::string{errc_text(static_cast<Errc>(value))};
  }
};

}  // namespace

std::string_view errc_name(Errc code) {
  switch (code) {
    case Errc::ok: return "ok";
#define X(name, number, text) \
  case Errc::name: return #name;
      STRANDLINE_KAFKA_ERRORS(X)
#undef X
#define X(name, number, kafka, text) \
  case Errc::name: return #name;
      STRANDLINE_OWN_ERRORS(X)
#undef X
  }
  return "unknown";
}

std::string_view errc_text(Errc code) {
  switch (code) {
    case Errc::ok: return "no error";
#define X(name, number, text) \
  case Errc::name: return text;
      STRANDLINE_KAFKA_ERRORS(X)
#undef X
#define X(name, number, kafka, text) \
  case Errc::name: return text;
      STRANDLINE_OWN_ERRORS(X)
#undef X
  }
  return "unknown error code";
}

const boost::system::error_category& strandline_category() {
  static const Category category;
  return category;
}

std::int16_t kafka_code(Errc code) {
  switch (code) {
#define X(name, number, kafka, text) \
  case Errc::name: return kafka;
    STRANDLINE_OWN_ERRORS(X)
#undef X
    default: return static_cast<std::int16_t>(code);
  }
}

std::int16_t kafka_code(const ErrorCode& error) {
  if (!error.failed()) return 0;
  if (error.category() == strandline_category())
    return kafka_code(static_cast<Errc>(error.value()));
  if (error.category() == boost::system::system_category() ||
      error.category() == boost::system::generic_category()) {
    return kafka_code(Errc::kafka_storage_error);
  }
  return kafka_code(Errc::unknown_server_error);
}

Errc errc_of(const ErrorCode& error) {
  if (!error.failed()) return Errc::ok;
  if (error.category() == strandline_category()) return static_cast<Errc>(error.value());
  return Errc::unknown_server_error;
}

}  // namespace strandline
