//! What the listeners serve.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{Router, body::Body, http::Request, response::Response};
use tower::ServiceExt;

/// The router behind the listeners. It can be replaced while they run (when a box leaves Recovery mode,
/// for example); requests in progress end in the router they began in.
#[derive(Clone)]
pub struct Site(Arc<RwLock<Router>>);

impl Site {
    /// Serves `router`.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self(Arc::new(RwLock::new(router)))
    }

    /// Serves `router` from the next request on.
    pub fn replace(&self, router: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = router;
    }

    pub(crate) async fn answer(&self, request: Request<Body>) -> Result<Response, Infallible> {
        let router = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        router.oneshot(request).await
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}
