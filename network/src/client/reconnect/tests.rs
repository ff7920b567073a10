use super::*;

#[test]
fn pauses_double_up_to_the_longest_and_are_never_less_than_half() {
    let backoff =
        Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1), attempts: 5 };
    let full = |attempt| backoff.pause(attempt, u32::MAX).as_millis();
    let least = |attempt| backoff.pause(attempt, 0).as_millis();
    assert_eq!([0, 1, 2, 3, 4, 40].map(full), [100, 200, 400, 800, 1000, 1000]);
    assert_eq!([0, 1, 2, 3, 4, u32::MAX].map(least), [50, 100, 200, 400, 500, 500]);
}
