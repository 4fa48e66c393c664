"""The Faust application both consumers are built on."""
