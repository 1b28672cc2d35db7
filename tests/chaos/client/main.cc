// strandline_chaos_client: a producer or consumer of ours that keeps account, see jobs.h.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/chaos/client/jobs.h"

namespace {

using strandline::chaos::JobOptions;

int parse(int argc, char** argv, CLI::App& app, JobOptions& options,
          std::vector<std::string>& bootstrap) {
  app.require_subcommand(1);
  app.add_subcommand("produce", "writes signed records until its input ends")->fallthrough();
  app.add_subcommand("consume", "reads all partitions from their start")->fallthrough();
  app.add_option("--bootstrap", bootstrap, "HOST:PORT of a broker")->required()->delimiter(',');
  app.add_option("--topic", options.topic);
  app.add_option("--partitions", options.partitions)->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed);
  app.add_option("--producer", options.producer, "its number, in every record");
  app.add_option("--pause-us", options.pause_us, "between two records, on average")
      ->check(CLI::PositiveNumber);
  app.add_option("--unsettled-max", options.unsettled_max, "records without an answer")
      ->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  for (const std::string& each : bootstrap) {
    const auto address = strandline::parse_host_port(each);
    if (!address) {
      std::fprintf(stderr, "--bootstrap %s: %s\n", each.c_str(), address.error().message().c_str());
      return 2;
    }
    options.bootstrap.push_back(address.value());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A producer or consumer of ours that keeps account"};
  JobOptions options;
  std::vector<std::string> bootstrap;
  if (const int status = parse(argc, argv, app, options, bootstrap); status != 0) return status;
  if (options.bootstrap.empty()) return 0;  // it was asked for help
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (app.got_subcommand("produce")) return strandline::chaos::produce(options);
  return strandline::chaos::consume(options);
}
