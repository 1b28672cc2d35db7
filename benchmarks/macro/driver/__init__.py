"""What benchmarks/macro/versus_kafka is made of: contenders, measurements, machine, report."""
