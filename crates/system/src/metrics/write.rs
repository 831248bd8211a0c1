//! The two forms of metrics.

use super::collect::{Metric, Value};
use jiff::Timestamp;
use serde_json::{Map, json};
use std::fmt::Write;

/// Prometheus' text exposition format, version 0.0.4.
pub(super) fn prometheus(metrics: &[Metric]) -> String {
    let (mut out, mut last) = (String::new(), "");
    for metric in metrics {
        let name = metric.name.replace('.', "_");
        let kind = match metric.value {
            Value::Gauge(_) => "gauge",
            Value::Counter(_) => "counter",
            Value::Timing { .. } => "summary",
        };
        if metric.name != last {
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help);
            last = metric.name;
        }
        let labels = labels(metric);
        let _ = match metric.value {
            Value::Gauge(value) => writeln!(out, "{name}{labels} {value}"),
            Value::Counter(count) => writeln!(out, "{name}{labels} {count}"),
            Value::Timing { count, sum, .. } => {
                writeln!(out, "{name}_sum{labels} {sum}\n{name}_count{labels} {count}")
            }
        };
    }
    out
}

/// As Vault's in-memory sink prints them.
pub(super) fn json(metrics: &[Metric], now: Timestamp) -> String {
    let (mut gauges, mut counters, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    for metric in metrics {
        let labels: Map<_, _> =
            metric.labels.iter().map(|(k, v)| ((*k).to_owned(), v.clone().into())).collect();
        match metric.value {
            Value::Gauge(value) => {
                gauges.push(json!({ "Name": metric.name, "Value": value, "Labels": labels }));
            }
            Value::Counter(count) => {
                counters.push(json!({ "Name": metric.name, "Count": count, "Sum": count, "Labels": labels }));
            }
            Value::Timing { count, sum, longest } => samples.push(json!({
                "Name": metric.name,
                "Count": count,
                "Sum": sum,
                "Max": longest,
                "Mean": mean(sum, count),
                "Labels": labels,
            })),
        }
    }
    json!({
        "Timestamp": now.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        "Gauges": gauges,
        "Points": [],
        "Counters": counters,
        "Samples": samples,
    })
    .to_string()
}

#[allow(clippy::cast_precision_loss)]
fn mean(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

fn labels(metric: &Metric) -> String {
    if metric.labels.is_empty() {
        return String::new();
    }
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = metric.labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Metric> {
        let labels = vec![("device", "a\"b\\".to_owned())];
        vec![
            Metric { name: "vault.x", help: "X.", labels: Vec::new(), value: Value::Gauge(1.0) },
            Metric { name: "vault.n", help: "N.", labels: labels.clone(), value: Value::Counter(2) },
            Metric { name: "vault.n", help: "N.", labels, value: Value::Counter(3) },
            Metric {
                name: "vault.t",
                help: "T.",
                labels: Vec::new(),
                value: Value::Timing { count: 2, sum: 3.0, longest: 2.0 },
            },
        ]
    }

    #[test]
    fn writes_the_text_form() {
        let expected = "# HELP vault_x X.\n# TYPE vault_x gauge\nvault_x 1\n\
                        # HELP vault_n N.\n# TYPE vault_n counter\n\
                        vault_n{device=\"a\\\"b\\\\\"} 2\nvault_n{device=\"a\\\"b\\\\\"} 3\n\
                        # HELP vault_t T.\n# TYPE vault_t summary\nvault_t_sum 3\nvault_t_count 2\n";
        assert_eq!(prometheus(&some()), expected);
    }

    #[test]
    fn writes_the_json_form() {
        let text = json(&some(), Timestamp::from_second(0).unwrap());
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["Timestamp"], "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(read["Gauges"][0]["Name"], "vault.x");
        assert_eq!(read["Counters"][1]["Count"], 3);
        assert_eq!(read["Samples"][0]["Mean"], 1.5);
    }
}
