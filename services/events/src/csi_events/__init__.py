"""The windowed path: presence, motion and breathing."""
