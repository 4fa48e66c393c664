#!/usr/bin/env bash
# KAFKA_NODE_ID=1 becomes node.id=1, and so on, as in the apache/kafka image; then format the log once and run.
set -euo pipefail
properties=/tmp/server.properties
env | sed -n 's/^KAFKA_\([A-Z0-9_]*\)=\(.*\)$/\1=\2/p' | while IFS='=' read -r name value; do
    printf '%s=%s\n' "$(printf '%s' "$name" | tr 'A-Z_' 'a-z.')" "$value"
done >"$properties"
kafka() { exec /opt/java/bin/java -Xmx512m -cp '/opt/kafka/libs/*' "$@"; }
(kafka kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-4L6g3nShT-eMCtK--X86sw}" -c "$properties")
kafka kafka.Kafka "$properties"
