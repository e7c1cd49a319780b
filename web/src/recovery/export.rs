//! The broken database as a download, written while it is read.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use orbitr_model::Problem;
use orbitr_store::recovery::{self, RecoveryError};
use tokio::sync::mpsc;

/// Pieces that may wait for a slow browser.
const WAITING: usize = 8;
/// The size of a piece.
const PIECE: usize = 64 * 1024;

/// Collects pieces and hands them to the answer; a browser that is gone ends the export.
struct Pieces {
    to: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.to.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The answer that is the archive.
pub(super) async fn download(dir: PathBuf) -> Result<Response, Problem> {
    let (to, mut pieces) = mpsc::channel(WAITING);
    let work = tokio::task::spawn_blocking(move || {
        let cut = to.clone();
        let done = recovery::export(&dir, &mut Pieces { to, piece: Vec::with_capacity(PIECE) });
        if done.is_err() {
            // An archive that ends early must not look like a whole one. Nobody may be there to be told.
            let _ = cut.blocking_send(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        done
    });
    let failed = |done: Result<Result<(), RecoveryError>, _>| match done {
        Ok(Err(error)) => Problem::from(error),
        _ => Problem::internal(),
    };
    // What fails at once is told on the page.
    let first = match pieces.recv().await {
        Some(Ok(first)) => first,
        Some(Err(_)) | None => return Err(failed(work.await)),
    };
    let rest = stream::unfold(pieces, |mut pieces| async { pieces.recv().await.map(|piece| (piece, pieces)) });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let headers = [
        (header::CONTENT_TYPE, "application/x-tar"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orbitr-database.tar\""),
    ];
    Ok((headers, body).into_response())
}
