#include "broker/handlers/describe_configs.h"

#include <algorithm>
#include <set>
#include <utility>

namespace strandline {
namespace {

using Request = wire::DescribeConfigsRequest;
using Response = wire::DescribeConfigsResponse;

// The two tables carry the protocol's numbers both.
static_assert(static_cast<int>(ConfigSource::built_in) ==
              static_cast<int>(wire::ConfigSource::default_value));
static_assert(static_cast<int>(ConfigType::list) == static_cast<int>(wire::ConfigType::list));

Response::Config config_answer(const ShownConfig& shown, const Request& request) {
  Response::Config answer{.name = shown.name,
                          .value = shown.value(),
                          .read_only = !shown.def->dynamic,
                          .source = static_cast<wire::ConfigSource>(shown.source()),
                          .type = static_cast<wire::ConfigType>(shown.def->type)};
  if (request.include_documentation) answer.documentation = shown.def->documentation;
  if (!request.include_synonyms) return answer;
  for (const auto& layer : shown.layers) {
    answer.synonyms.push_back(
        {layer.name, layer.value, static_cast<wire::ConfigSource>(layer.source)});
  }
  return answer;
}

void refuse(Response::Result& result, Errc code, std::string message) {
  result.error_code = code;
  result.error_message = std::move(message);
}

std::vector<ShownConfig> topic_configs(const MetadataImage& image, const ConfigView& configs,
                                       Response::Result& result) {
  if (const auto name = check_topic_name(result.name); !name.ok()) {
    refuse(result, name.code, name.message);
    return {};
  }
  const auto topic = image.topic(result.name);
  if (!topic) {
    refuse(result, Errc::unknown_topic_or_partition, "This server does not host this topic");
    return {};
  }
  return configs.topic_configs(image, topic->configs, topic->replication_factor());
}

std::vector<ShownConfig> resource_configs(const MetadataImage& image, const ConfigView& configs,
                                          Response::Result& result) {
  if (result.type == wire::ConfigResourceType::topic) {
    return topic_configs(image, configs, result);
  }
  if (result.type != wire::ConfigResourceType::broker) {
    refuse(result, Errc::invalid_request, "Configs of this resource type are not kept here");
    return {};
  }
  if (result.name.empty()) return configs.cluster_defaults(image);
  if (result.name == std::to_string(configs.self().value())) return configs.broker_configs(image);
  refuse(result, Errc::invalid_request,
         "A broker's configs must be asked of that broker; this is broker " +
             std::to_string(configs.self().value()));
  return {};
}

}  // namespace

Response answer_describe_configs(const MetadataImage& image, const ConfigView& configs,
                                 const Request& request) {
  Response response;
  std::set<std::pair<wire::ConfigResourceType, std::string_view>> seen;
  for (const auto& resource : request.resources) {
    if (!seen.emplace(resource.type, resource.name).second) continue;
    auto& result = response.results.emplace_back(
        Response::Result{.type = resource.type, .name = std::string{resource.name}});
    for (const auto& shown : resource_configs(image, configs, result)) {
      const auto& keys = resource.keys;
      if (!keys || std::ranges::find(*keys, shown.name) != keys->end()) {
        result.configs.push_back(config_answer(shown, request));
      } else if (std::ranges::find(*keys, shown.def->name) != keys->end()) {
        // Asked for by our own key, it is answered by it.
        result.configs.push_back(config_answer(shown, request));
        result.configs.back().name = shown.def->name;
      }
    }
  }
  return response;
}

}  // namespace strandline
