"""The commands, one noun a module; ``csiflow.main`` registers them."""
