"""What every csiflow service shares: settings, logs, metrics, health."""
