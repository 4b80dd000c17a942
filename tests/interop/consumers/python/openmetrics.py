"""Prints each family of an OpenMetrics text on standard input, as the strict parser of Prometheus' client library reads it."""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    print(f"{family.type} {family.name} unit={family.unit} samples={len(family.samples)}")
