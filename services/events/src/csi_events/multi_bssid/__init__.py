"""Presence, motion and breathing from the signal strengths of all access points a host hears (ADR-022).

Every stage is a module: kernels (``csi_events._compile.kernel``) that are pure functions of (32,) arrays, one element a
slot, and a state object (``slots.SlotState``) that can ``forget`` one slot and ``clear`` all, and knows its ``nbytes``.
``pipeline`` runs the stages on a ``scan.Scan`` and gives a ``result.Result``.
"""
