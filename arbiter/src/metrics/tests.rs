//! Every metric is there, under a name of the house, before anything has happened.

use super::Metrics;

#[test]
fn every_metric_is_in_the_text_before_its_first_use() {
    let metrics = Metrics::new().unwrap();
    let (names, text) = (metrics.names(), metrics.text().unwrap());
    assert!(names.len() > 50, "{names:?}");
    for name in &names {
        assert!(name.starts_with("gainsay_"), "{name}");
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is not in the text");
        let series = text.lines().filter(|line| line.starts_with(name.as_str())).count();
        assert!(series > 0, "{name} has no series");
    }
}

#[test]
fn two_arbiters_in_one_process_count_apart() {
    let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
    one.jobs.claims.inc();
    assert_eq!((one.jobs.claims.get(), other.jobs.claims.get()), (1, 0));
}
