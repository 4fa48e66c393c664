"""The fusion of zones: what several nodes see of one place (``python -m csi_introspection.cluster``)."""
