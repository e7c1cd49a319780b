//! Waiting, always with an end.

use std::time::{Duration, Instant};

use serde_json::Value;

/// How long one question may take, however long the answer may be waited for: one that hangs is asked anew.
const ONE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none after `limit`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Ok(Some(answer)) = tokio::time::timeout(ONE, ask()).await {
            return answer;
        }
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// The id of the job that an answer says was started.
///
/// # Panics
/// When the answer names none.
#[must_use]
pub fn job_of(started: &Value) -> String {
    started["job"].as_str().unwrap_or_else(|| panic!("no job in {started}")).to_owned()
}
