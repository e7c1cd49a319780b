//! Serving one set to root's updater, over the loopback interface and only for as long as that is at work. Nothing here is
//! secret; root believes none of it and checks the signature itself.

use std::{convert::Infallible, io, net::Ipv4Addr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Empty, StreamBody, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    header::CONTENT_LENGTH,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{fs::File, net::TcpListener, task::JoinSet};
use tokio_util::io::ReaderStream;

use super::{
    manifest::{SIGNATURE, SUMS, manifest_name},
    sets::Set,
};

/// The updater has one connection, or a few.
const CONNECTIONS: usize = 8;
const PIECE: usize = 256 << 10;

type Body = BoxBody<Bytes, io::Error>;

/// A server of one set; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves a set.
pub(super) async fn serve(set: &Set) -> io::Result<Serving> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let manifest = manifest_name(&set.manifest.version);
    let fixed = [SUMS.to_owned(), SIGNATURE.to_owned(), manifest].into_iter();
    let names: Vec<String> = fixed.chain(set.manifest.files.iter().map(|piece| piece.name.clone())).collect();
    let here = Arc::new((set.folder.clone(), names));
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS {
                continue;
            }
            let here = Arc::clone(&here);
            connections.spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let here = Arc::clone(&here);
                    async move { Ok::<_, Infallible>(answer(&here, &request).await) }
                });
                if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await {
                    tracing::debug!(%error, "the updater hung up");
                }
            });
        }
    });
    Ok(Serving { port, task })
}

async fn answer((folder, names): &(PathBuf, Vec<String>), request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/').replace("%7E", "~").replace("%5E", "^");
    let path = path.replace("%7e", "~").replace("%5e", "^");
    let head = request.method() == Method::HEAD;
    if !head && request.method() != Method::GET {
        return nothing(StatusCode::METHOD_NOT_ALLOWED);
    }
    // Only a name of the list, so there is no path to play tricks with.
    let Some(name) = names.iter().find(|name| **name == path) else { return nothing(StatusCode::NOT_FOUND) };
    let opened = async {
        let file = File::open(folder.join(name)).await?;
        Ok::<_, io::Error>((file.metadata().await?.len(), file))
    };
    let Ok((length, file)) = opened.await else { return nothing(StatusCode::NOT_FOUND) };
    let body = match head {
        true => empty(),
        false => StreamBody::new(ReaderStream::with_capacity(file, PIECE).map_ok(Frame::data)).boxed(),
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    answer
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn nothing(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(empty());
    *answer.status_mut() = status;
    answer
}
