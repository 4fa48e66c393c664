"""Websockets, REST and the dashboard."""
