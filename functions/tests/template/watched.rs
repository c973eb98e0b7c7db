//! What happens to the stack is seen: each function has its log and its alarms, and each alarm and graph of our own metrics
//! names one that the code emits (`avain_api::metrics`).

use std::collections::{BTreeMap, BTreeSet};

use avain_api::metrics::{DIMENSIONS, NAME, SERVICE};

use super::FILE;

/// Where the functions' log puts the metrics of a stack.
const NAMESPACE: &str = "Avain/${AWS::StackName}";

/// Everything that happens and would not be seen.
pub(super) fn faults(resources: &BTreeMap<&str, String>) -> Vec<String> {
    let mut faults = functions(resources);
    for (name, block) in resources.iter().filter(|(_, block)| is(block, "AWS::CloudWatch::Alarm")) {
        faults.extend(alarm(name, block));
    }
    faults.extend(dashboard(resources.get("Dashboard").map_or("", String::as_str)));
    faults.into_iter().map(|fault| format!("{FILE}: {fault}\n")).collect()
}

/// Functions without a log that is kept for a time, or without an alarm on what Lambda counts of them.
fn functions(resources: &BTreeMap<&str, String>) -> Vec<String> {
    let is_function = |block: &String| is(block, "AWS::Serverless::Function") || is(block, "AWS::Lambda::Function");
    let mut faults = Vec::new();
    for (name, block) in resources.iter().filter(|(_, block)| is_function(block)) {
        let log = after(block, "LogGroup: !Ref ").map(|rest| rest.trim_end_matches('}'));
        let kept = log.and_then(|log| resources.get(log)).is_some_and(|log| log.contains("RetentionInDays:"));
        if !kept {
            faults.push(format!("{name} has no log that is kept for a time"));
        }
        for metric in ["Errors", "Throttles"] {
            let wanted = format!("MetricName: {metric}, Dimensions: [{{Name: FunctionName, Value: !Ref {name}}}]");
            let mut alarms = resources.values().filter(|block| is(block, "AWS::CloudWatch::Alarm"));
            if !alarms.any(|alarm| alarm.contains(&wanted)) {
                faults.push(format!("{name} has no alarm on {metric}"));
            }
        }
    }
    faults
}

/// An alarm that tells nobody, or that waits for a metric of ours which is never emitted.
fn alarm(name: &str, block: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !block.contains("AlarmActions: !If [HasAlarmEmail, [!Ref AlarmTopic], !Ref AWS::NoValue]") {
        faults.push(format!("{name} has no AlarmActions"));
    }
    let namespace = after(block, "Namespace: ").unwrap_or_default();
    if namespace.starts_with("AWS/") {
        return faults;
    }
    if namespace != format!("!Sub \"{NAMESPACE}\"") {
        faults.push(format!("{name}: Namespace {namespace}"));
    }
    let metric = after(block, "MetricName: ").unwrap_or_default();
    let dimension = format!("[{{Name: {SERVICE}, Value: {NAME}}}]");
    if !emitted(SERVICE, metric) || after(block, "Dimensions: ") != Some(&dimension) {
        faults.push(format!("{name}: the code emits no {metric} of {dimension}"));
    }
    faults
}

/// Graphs of metrics that are never emitted: `["NAMESPACE", "METRIC", "DIMENSION", ...` and
/// `SEARCH('{NAMESPACE,DIMENSION} MetricName=\"METRIC\"'`.
fn dashboard(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut graphs = BTreeSet::new();
    for rest in text.split(NAMESPACE).skip(1) {
        let words: Vec<&str> = rest.split(['"', ',', '}', '\\', ' ', '=']).filter(|it| !it.is_empty()).collect();
        let (metric, dimension) = match words[..] {
            [dimension, "MetricName", metric, ..] | [metric, dimension, ..] => (metric, dimension),
            _ => ("", ""),
        };
        if emitted(dimension, metric) {
            graphs.insert(metric);
        } else {
            faults.push(format!("Dashboard: the code emits no {metric} of {dimension}"));
        }
    }
    let ours: BTreeSet<&str> = of_service().collect();
    faults.extend(ours.difference(&graphs).map(|metric| format!("Dashboard has no {metric}")));
    faults
}

/// Metrics of the whole deployment.
fn of_service() -> impl Iterator<Item = &'static str> {
    DIMENSIONS.iter().filter(|it| it.name == SERVICE).flat_map(|it| it.metrics).map(|(name, _)| *name)
}

fn emitted(dimension: &str, metric: &str) -> bool {
    DIMENSIONS.iter().any(|it| it.name == dimension && it.metrics.iter().any(|(name, _)| *name == metric))
}

fn is(block: &str, kind: &str) -> bool {
    block.contains(&format!("Type: {kind}\n"))
}

/// The rest of the line after the first of these.
fn after<'a>(block: &'a str, key: &str) -> Option<&'a str> {
    block.split_once(key).and_then(|(_, rest)| rest.lines().next())
}
