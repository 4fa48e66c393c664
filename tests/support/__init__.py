"""What tests of several packages share: waiting, ports, Kafka records, and services as child processes."""
