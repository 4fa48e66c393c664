"""Every metric of csiflow, named once: what it counts and what to do about it.

Prometheus appends ``_total`` to counters. A service imports the ones it feeds.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# --- ingest: every datagram ends in exactly one outcome ------------------------------------------------------------
INGEST_RECEIVED = Counter("csiflow_ingest_received", "Datagrams read from the sockets.", ["provenance"])
INGEST_OUTCOME = Counter(
    "csiflow_ingest_outcome",
    "Datagrams by what became of them: published, telemetry, duplicate, rejected or dropped. Their sum and "
    "csiflow_ingest_pending equal csiflow_ingest_received.",
    ["outcome"],
)
INGEST_REJECTED = Counter("csiflow_ingest_rejected", "Dead-lettered datagrams by reason.", ["reason"])
INGEST_DROPPED = Counter(
    "csiflow_ingest_dropped", "Datagrams dropped by reason; anything above 0 means Kafka was away too long.", ["reason"]
)
INGEST_TELEMETRY = Counter("csiflow_ingest_telemetry", "Telemetry packets by kind.", ["kind"])
INGEST_PENDING = Gauge("csiflow_ingest_pending", "Datagrams accepted but not yet acknowledged by Kafka.")
INGEST_SEQUENCE = Counter(
    "csiflow_ingest_sequence",
    "Sequence accounting per node (port/number): frames that came reordered, duplicate, or restarted the count.",
    ["node", "what"],
)
INGEST_MISSING = Gauge(
    "csiflow_ingest_missing_frames",
    "Frames never received per node, late ones taken off again. Rising means radio or network loss at that node.",
    ["node"],
)
INGEST_KERNEL_DROPS = Gauge(
    "csiflow_ingest_kernel_drops", "Datagrams the kernel dropped on our sockets; raise net.core.rmem_max."
)
INGEST_NODE_LAST_SEEN = Gauge(
    "csiflow_ingest_node_last_seen_seconds", "Receive time of a node's last datagram, Unix seconds.", ["node"]
)

# --- streaming: both consumers --------------------------------------------------------------------------------------
STREAM_RECORDS = Counter("csiflow_stream_records", "Records processed, replayed ones apart.", ["app", "replay"])
STREAM_BATCHES = Counter("csiflow_stream_batches", "Batches delivered to the agent.", ["app"])
STREAM_IN_FLIGHT = Gauge(
    "csiflow_stream_in_flight",
    "Records fetched but not yet processed and acknowledged, as of the last commit. At the limit "
    "(max_in_flight_records), processing or Kafka's acknowledgements are slower than the frames.",
    ["app"],
)
STREAM_PARTITIONS = Gauge("csiflow_stream_partitions", "Partitions this worker holds.", ["app"])
STREAM_SKIPPED = Counter(
    "csiflow_stream_skipped",
    "Records that could not be decoded, skipped and logged; the offsets are in the log.",
    ["app"],
)
STREAM_LAG_SECONDS = Gauge(
    "csiflow_stream_lag_seconds", "Age of the newest processed frame when it was processed.", ["app"]
)
STREAM_BATCH_SECONDS = Histogram(
    "csiflow_stream_batch_seconds",
    "Time to process one batch.",
    ["app"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
STREAM_STREAMS = Gauge("csiflow_stream_streams", "CSI streams with state in this worker.", ["app"])

# --- events and introspection -----------------------------------------------------------------------------------------
EVENTS_WINDOWS = Counter("csiflow_events_windows", "Windows closed, by what closed them.", ["closed_by"])
EVENTS_EMITTED = Counter("csiflow_events_emitted", "Events published by name.", ["event"])
EVENTS_FORGOTTEN = Counter(
    "csiflow_events_streams_forgotten",
    "Streams whose state was dropped: idle for too long, or to make room for new ones. Rising 'room' means more "
    "streams than CSIFLOW_EVENTS_MAX_STREAMS, or somebody invents nodes.",
    ["reason"],
)
INTROSPECTION_SNAPSHOTS = Counter("csiflow_introspection_snapshots", "Snapshots published.")
INTROSPECTION_REGIME = Counter("csiflow_introspection_regime_changes", "Regime changes by the new regime.", ["regime"])
INTROSPECTION_SIGNATURES = Gauge("csiflow_introspection_signatures", "Signatures loaded.")
INTROSPECTION_MEMBERS = Counter(
    "csiflow_introspection_members", "Thinned snapshots published for the fusion of zones, one for each zone of a node."
)
INTROSPECTION_LIBRARY_RELOADS = Counter(
    "csiflow_introspection_library_reloads", "Changes of the signature folder taken up without a restart."
)
INTROSPECTION_SIGNATURE_PROBLEMS = Gauge(
    "csiflow_introspection_signature_problems",
    "Signature files with a problem; of those that were good before, that version is still in use. "
    "csiflow signatures check says what is wrong.",
)
INTROSPECTION_FORGOTTEN = Counter(
    "csiflow_introspection_streams_forgotten",
    "Streams whose state was dropped: idle for too long, or to make room for new ones. Rising 'room' means more "
    "streams than CSIFLOW_INTROSPECTION_MAX_STREAMS, or somebody invents nodes.",
    ["reason"],
)

# --- the fusion of zones ----------------------------------------------------------------------------------------------
CLUSTER_SNAPSHOTS = Counter("csiflow_cluster_snapshots", "Fused snapshots published.", ["zone"])
CLUSTER_NODES = Gauge(
    "csiflow_cluster_nodes",
    "Nodes of a zone at its newest snapshot: member, or left. One that stays left is off, or the clock of its ingest "
    "host is more than CSIFLOW_CLUSTER_STALE_AFTER_S behind the others'.",
    ["zone", "state"],
)
CLUSTER_IGNORED = Counter(
    "csiflow_cluster_ignored",
    "Records of a zone, or of a node in it, that the settings do not have. Rising means that the introspection and the "
    "cluster service were given different CSIFLOW_INTROSPECTION_ZONES.",
)
CLUSTER_FORGOTTEN = Counter(
    "csiflow_cluster_streams_forgotten",
    "Streams forgotten to make room for new ones: more streams than CSIFLOW_CLUSTER_MAX_STREAMS, or somebody invents "
    "nodes.",
    ["zone"],
)

# --- gateway ----------------------------------------------------------------------------------------------------------
GATEWAY_CLIENTS = Gauge("csiflow_gateway_clients", "Websocket clients connected.", ["endpoint"])
GATEWAY_SENT = Counter("csiflow_gateway_sent", "Messages sent to websocket clients.", ["endpoint"])
GATEWAY_DROPPED = Counter(
    "csiflow_gateway_dropped", "Messages dropped because a client was slow; that client is told how many.", ["endpoint"]
)
GATEWAY_RECORDS = Counter("csiflow_gateway_records", "Records read from the result topics.", ["topic"])
GATEWAY_COALESCED = Counter(
    "csiflow_gateway_coalesced", "Messages a newer one replaced because the client asked for max_hz.", ["endpoint"]
)
GATEWAY_ENCODED = Counter(
    "csiflow_gateway_encoded", "Messages encoded for websockets: one each, however many clients take it."
)
GATEWAY_SKIPPED = Counter(
    "csiflow_gateway_skipped",
    "Records that could not be decoded, skipped and logged; the offsets are in the log.",
    ["topic"],
)
GATEWAY_UNAUTHORISED = Counter("csiflow_gateway_unauthorised", "Requests refused with 401 or 403.", ["reason"])
