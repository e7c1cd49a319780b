//! A box with one app that holds a row: what tests of an app's life begin with.

use std::{fs, path::PathBuf};

use orbitr_tests::{Ended, Person, TestBox, job_of};
use serde_json::{Value, json};

/// What `abort(3)` ends a process with.
pub(crate) const ABORTED: Ended = Ended::Signal(6);

/// The box, its admin, and its app.
pub(crate) struct Shop {
    pub(crate) it: TestBox,
    pub(crate) ada: Person,
    pub(crate) app: String,
}

impl Shop {
    /// With version 1 of this extension, and «one» in the row.
    pub(crate) async fn open(manifest: &str) -> Self {
        let shop = Self::empty(manifest).await;
        shop.ada.browser.installed("local/web", &shop.app, json!({})).await;
        fs::write(shop.row_file(), "one").unwrap();
        shop
    }

    /// Before anything is installed.
    pub(crate) async fn empty(manifest: &str) -> Self {
        Self::on(TestBox::new(), manifest).await
    }

    /// The same on this box, which does not run yet.
    pub(crate) async fn on(mut it: TestBox, manifest: &str) -> Self {
        it.extension("web", manifest);
        it.start().await;
        let ada = it.claim().await;
        it.id().await;
        let app = it.app("shop");
        Self { it, ada, app }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.it.state().join("apps").join(&self.app)
    }

    pub(crate) fn row_file(&self) -> PathBuf {
        self.folder().join("data/data/row")
    }

    pub(crate) fn row(&self) -> String {
        fs::read_to_string(self.row_file()).unwrap().trim().to_owned()
    }

    pub(crate) fn container(&self) -> String {
        format!("orbitr-{}-web-1", self.app)
    }

    pub(crate) fn network(&self) -> String {
        format!("orbitr-{}_default", self.app)
    }

    /// Everything in Docker that a running shop has.
    pub(crate) fn things(&self) -> [String; 2] {
        [format!("container {}", self.container()), format!("network {}", self.network())]
    }

    pub(crate) async fn restart(&mut self) {
        self.it.kill();
        self.it.start().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ada.browser.get(&format!("/api/v1/apps/{}{path}", self.app)).await.expect(200)
    }

    /// Asks for a job; its id. New inputs are a PATCH.
    pub(crate) async fn begin(&self, what: &str, body: Value) -> String {
        let method = if what == "inputs" { http::Method::PATCH } else { http::Method::POST };
        let path = format!("/api/v1/apps/{}/{what}", self.app);
        job_of(&self.ada.browser.send_json(method, &path, &body).await.expect(202))
    }

    /// The same, and waits for its end.
    pub(crate) async fn done(&self, what: &str, body: Value) -> Value {
        let job = self.begin(what, body).await;
        self.ada.browser.ended(&job).await
    }
}
