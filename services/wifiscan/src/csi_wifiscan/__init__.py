"""The wifiscan agent: a host with Wi-Fi as a node, sending numbered signal strengths and keeping names to itself."""
