"""Measuring the services' kernels on labelled recordings, without Kafka; docs/evaluation.md says how it counts."""
