#!/usr/bin/env bash
# KAFKA_NODE_ID=1 becomes node.id=1 (two underscores stand for one, three for a dash), as in the apache/kafka image; then
# the data folder is formatted, unless it is, and the broker takes this process over.
set -euo pipefail
properties=/tmp/server.properties
for variable in "${!KAFKA_@}"; do
    [ "$variable" != KAFKA_HEAP_OPTS ] || continue
    name=${variable#KAFKA_}
    name=${name,,} name=${name//___/-} name=${name//__/$'\t'} name=${name//_/.} name=${name//$'\t'/_}
    printf '%s=%s\n' "$name" "${!variable}"
done >"$properties"
# shellcheck disable=SC2086 # the heap options are words
java() { exec /opt/java/bin/java ${KAFKA_HEAP_OPTS:--Xmx512m} -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties \
    --sun-misc-unsafe-memory-access=allow -cp '/opt/kafka/libs/*' "$@"; }
(java kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$properties")
java kafka.Kafka "$properties"
