"""The operator's command line and the embedded Kafka."""
