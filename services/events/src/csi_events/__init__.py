"""The windowed path: presence, motion and breathing from windows of CSI frames.

A frame only joins its stream's window (``windows``). A closed window is judged at once, in arrays (``stream``):
amplitudes without their gain (``normalise``), features (``features``), change over the stream's own quiet (``change``,
``quiet``, ``baseline``), debounced motion and held presence (``states``), breathing behind a significance test
(``breathing``), drift (``drift``). ``processor`` does this for a partition of Kafka, ``offline`` for a
recording; both say the same.
"""
