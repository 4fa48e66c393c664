"""Tests of csi_ingest, and the capture writer they share."""
