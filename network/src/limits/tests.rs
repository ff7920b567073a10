use super::*;

#[test]
fn the_default_limits_fit_together() {
    assert_eq!(Limits::default().check(), Ok(()));
}

#[test]
fn windows_with_which_unread_streams_could_starve_the_others_are_refused() {
    let limits = Limits { streams: 17, ..Limits::default() };
    assert!(matches!(limits.check(), Err(LimitsError::Order { .. })));
}

#[test]
fn limits_that_contradict_one_another_are_named() {
    let limits = Limits { frame_bytes: FRAME_BYTES_CAP + 1, ..Limits::default() };
    let over = LimitsError::OverCap { name: "frame_bytes", value: 1048577, cap: 1048576 };
    assert_eq!(limits.check(), Err(over));

    let limits = Limits { streams: 0, ..Limits::default() };
    assert_eq!(limits.check(), Err(LimitsError::Zero("streams")));

    let limits = Limits { keep_alive: Duration::from_secs(10), ..Limits::default() };
    let order = LimitsError::Order { smaller: "keep_alive", larger: "half of idle" };
    assert_eq!(limits.check(), Err(order));

    let limits = Limits { reserved_connections: 512, ..Limits::default() };
    assert!(matches!(limits.check(), Err(LimitsError::Order { .. })));
}
