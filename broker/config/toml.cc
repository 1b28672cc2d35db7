// The only file that sees toml++.
#include <algorithm>
#include <set>
#include <string>

#include "broker/config/load.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
// Tables nest in the parser's and destructor's stack frames: what no settings file needs is
// refused.
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

namespace strandline {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;
constexpr std::int64_t kDotsPerLineMax = 64;
constexpr std::size_t kProblemsMax = 20;

// Sets settings from the leaves of a parsed file and collects what is wrong with them.
class Walk {
 public:
  Walk(Settings& settings, std::string_view name) : settings_(settings), name_(name) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const auto path =
          prefix.empty() ? std::string{key.str()} : prefix + "." + std::string{key.str()};
      if (const auto* inner = node.as_table()) {
        this->table(*inner, path);
      } else {
        leaf(path, node);
      }
    }
  }

  std::vector<std::string> take_problems() && { return std::move(problems_); }

  void problem(std::int64_t line, const std::string& text) {
    if (problems_.size() == kProblemsMax) return;
    problems_.push_back(name_ + ":" + std::to_string(line) + ": " + text);
  }

 private:
  void leaf(const std::string& key, const toml::node& node) {
    const auto line = static_cast<std::int64_t>(node.source().begin.line);
    const auto value = text_of(node);
    if (!value) {
      problem(line, key.substr(0, 100) +
                        ": a setting is a text, a number, true or false, or a list "
                        "of texts");
    } else if (!seen_.insert(key).second) {
      problem(line, key + " is set twice");
    } else if (const auto wrong = set_setting(settings_, key, *value)) {
      problem(line, *wrong);
    }
  }

  static std::optional<std::string> text_of(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    if (const auto* real = node.as_floating_point()) return std::to_string(real->get());
    const auto* list = node.as_array();
    if (list == nullptr) return std::nullopt;
    std::string joined;
    for (const auto& item : *list) {
      const auto* text = item.as_string();
      if (text == nullptr) return std::nullopt;
      joined += (joined.empty() ? "" : ",") + text->get();
    }
    return joined;
  }

  Settings& settings_;
  std::string name_;
  std::set<std::string> seen_;
  std::vector<std::string> problems_;
};

// The first line with more dots than any dotted key has, or 0.
std::int64_t overly_dotted_line(std::string_view text) {
  std::int64_t line = 1;
  std::int64_t dots = 0;
  for (const auto c : text) {
    if (c == '.') ++dots;
    if (dots > kDotsPerLineMax) return line;
    if (c != '\n') continue;
    ++line;
    dots = 0;
  }
  return 0;
}

}  // namespace

std::vector<std::string> apply_toml(Settings& settings, std::string_view text,
                                    std::string_view name) {
  Walk walk{settings, name};
  if (text.size() > kFileBytesMax) {
    walk.problem(1, "a settings file may have " + std::to_string(kFileBytesMax) + " bytes at most");
  } else if (const auto line = overly_dotted_line(text); line != 0) {
    walk.problem(line, "more than " + std::to_string(kDotsPerLineMax) + " dots in one line");
  } else if (const auto parsed = toml::parse(text); !parsed) {
    const auto& error = parsed.error();
    walk.problem(static_cast<std::int64_t>(error.source().begin.line),
                 "not TOML: " + std::string{error.description()});
  } else {
    walk.table(parsed.table(), "");
  }
  return std::move(walk).take_problems();
}

}  // namespace strandline
