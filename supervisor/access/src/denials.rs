//! Which refusals go into history: the first of a kind, and not so many that history is nothing else.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::SignedDuration;
use orbitr_model::Timestamp;

/// The same refusal is written once in this time.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// No more than this many in that time, of all kinds together.
const MOST: usize = 60;

/// What was refused lately.
#[derive(Default)]
pub(crate) struct Denials(Mutex<HashMap<[String; 3], Timestamp>>);

impl Denials {
    /// Whether this refusal is to be written.
    pub(crate) fn is_new(&self, actor: String, action: &str, id: &str, now: Timestamp) -> bool {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|_, at| now.duration_since(*at).abs() < AGAIN_AFTER);
        let key = [actor, action.to_owned(), id.to_owned()];
        if lately.len() >= MOST || lately.contains_key(&key) {
            return false;
        }
        lately.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_refusal_of_a_kind_a_minute_and_sixty_in_all() {
        let denials = Denials::default();
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        assert!(denials.is_new("ann".into(), "app.view", "notes", at(0)));
        assert!(!denials.is_new("ann".into(), "app.view", "notes", at(59)));
        assert!(denials.is_new("ann".into(), "app.view", "notes", at(60)));
        let written = (0..1000).filter(|n| denials.is_new("ann".into(), "app.view", &n.to_string(), at(61))).count();
        assert_eq!(written, 59);
    }
}
