"""The windowed path: presence, motion and breathing from windows of CSI frames."""
