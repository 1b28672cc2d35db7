// Google Benchmark's own main, with the times in microseconds unless a benchmark says otherwise.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
