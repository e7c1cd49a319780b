//! The Unix socket, for processes of this machine.

use std::sync::Arc;

use http::Extensions;
use tokio::{
    net::{UnixListener, UnixStream, unix::UCred},
    sync::Semaphore,
};

use crate::{
    Site,
    conn::{House, Protocol},
    front::pause,
    https::full,
};

pub(crate) type IntroduceUnix = Arc<dyn Fn(&UCred, &mut Extensions) + Send + Sync>;

/// Serves what comes to the socket, in HTTP/1. Who cannot be named by the kernel is not served.
pub(crate) async fn run(house: House, listener: UnixListener, site: Site, introduce: IntroduceUnix) {
    let places = Arc::new(Semaphore::new(house.limits.local));
    let full = full();
    while let Some(stream) = accept(&house, &listener).await {
        let mut introduction = Extensions::new();
        match stream.peer_cred() {
            Ok(credentials) => introduce(&credentials, &mut introduction),
            Err(error) => {
                tracing::warn!(%error, "a process on the Unix socket cannot be told and is not served");
                continue;
            }
        }
        let place = places.clone().try_acquire_owned().ok();
        let (inner, site) = (house.clone(), if place.is_some() { site.clone() } else { full.clone() });
        house.spawn(async move {
            inner.serve(stream, Protocol::Http1, &site, introduction).await;
            drop(place);
        });
    }
}

async fn accept(house: &House, listener: &UnixListener) -> Option<UnixStream> {
    house
        .stop
        .run_until_cancelled(async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => return stream,
                    Err(error) => pause(&error).await,
                }
            }
        })
        .await
}
