#!/bin/sh
# One KRaft node: makes its storage at the first start, then runs.
set -eu
HEAP="${KAFKA_HEAP:-512m}"
java() {
  exec /usr/bin/java "-Xmx$HEAP" -XX:+UseSerialGC -Dlog4j.configuration=file:/opt/kafka/log4j.properties \
    -cp '/opt/kafka/libs/*' "$@"
}
if [ ! -f /var/lib/kafka/meta.properties ]; then
  (java kafka.tools.StorageTool format -t "${CLUSTER_ID:-a2VuZy1jb21wb3NlLWthZg}" -c /opt/kafka/kafka.properties)
fi
java kafka.Kafka /opt/kafka/kafka.properties
