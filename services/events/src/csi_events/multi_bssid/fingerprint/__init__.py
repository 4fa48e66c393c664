"""Fingerprints: states of a room, learnt on site, and which of them a scan resembles (ADR-022, stage 7).

``levels`` turns scans into vectors, ``learn`` these into a document, ``document`` reads and writes it, ``alignment``
finds its access points again, ``model`` and ``index`` compare, ``matcher`` is the stage, ``library`` a folder of them.
"""
