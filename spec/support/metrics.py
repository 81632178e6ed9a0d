"""The samples of a file, as prometheus_client's parsers of OpenMetrics and of Prometheus' text format read them: metrics.py FILE.

node_exporter's collector is stricter than the second one: it skips a file with a time or with a type that it does not know."""
import json
import sys

from prometheus_client import parser as text
from prometheus_client.openmetrics import parser as openmetrics

TYPES = {"counter", "gauge", "summary", "histogram", "untyped"}

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    source = file.read()
for line in source.split("\n"):
    words = line.split(" ")
    if words[:2] == ["#", "TYPE"] and words[3] not in TYPES:
        sys.exit(f"node_exporter does not know the type in {line!r}")
for name, reader in (("openmetrics", openmetrics), ("text", text)):
    for family in reader.text_string_to_metric_families(source):
        for sample in family.samples:
            if sample.timestamp is not None:
                sys.exit(f"node_exporter skips files with times: {sample}")
            print(name, sample.name, json.dumps(sample.labels, sort_keys=True), float(sample.value))
