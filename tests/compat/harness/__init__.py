"""What the compatibility tests stand on: brokers to test, clients to fetch, a runner to count."""
