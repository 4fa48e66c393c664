"""csiflow's messages, topics and packet codec."""
