#include "storage/io/path.h"

#include <cerrno>

namespace strandline {

Result<std::string> path_inside_root(std::string_view path) {
  const ErrorCode outside{EINVAL, boost::system::system_category()};
  if (path.starts_with('/') || path.find('\0') != std::string_view::npos) return outside;
  std::string clean;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return outside;
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  if (clean.empty()) clean = ".";
  return clean;
}

std::string_view parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{"."} : path.substr(0, slash);
}

}  // namespace strandline
