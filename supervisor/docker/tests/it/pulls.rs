//! Images come from registries, or say why they do not. The registry whose address `ORBITR_TEST_REGISTRY` names must
//! be one that the engine may push to and pull from.

use std::time::{Duration, Instant};

use bollard::query_parameters::{PushImageOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::TryStreamExt;
use orbitr_docker::{Error, ImageRef, PullProgress, Removed};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, bench};

fn registry() -> String {
    let Ok(registry) = std::env::var("ORBITR_TEST_REGISTRY") else {
        panic!("ORBITR_TEST_REGISTRY must name a registry, as host:port, that the engine may push to");
    };
    registry
}

impl Bench {
    /// An image that is in the registry and not on the engine.
    async fn published(&self) -> ImageRef {
        let name = format!("{}/orbitr-test/{}", registry(), self.config.box_id);
        self.image(&format!("{name}:1.2")).await;
        let push = PushImageOptionsBuilder::default().tag("1.2").build();
        let pushed = self.raw.push_image(&name, Some(push), None).try_collect::<Vec<_>>().await.unwrap();
        assert!(pushed.iter().all(|step| step.error_detail.is_none()), "{pushed:?}");
        self.forget(&format!("{name}:1.2")).await;
        format!("{name}:1.2").parse().unwrap()
    }

    async fn forget(&self, name: &str) {
        let options = RemoveImageOptionsBuilder::default().build();
        self.raw.remove_image(name, Some(options), None).await.unwrap();
    }
}

fn go() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn an_image_is_brought_with_its_digest_and_can_be_taken_away_again() {
    bench(|bench| async move {
        let image = bench.published().await;
        assert_eq!(bench.docker.image(&image).await, Ok(None));
        let mut steps: Vec<PullProgress> = Vec::new();
        let pulled = bench.docker.pull(&image, &go(), |step| steps.push(step)).await.unwrap();
        let last = steps.last().unwrap();
        assert!(last.layers > 0 && last.layers_done == last.layers, "{last:?}");
        assert!((last.fraction - 1.0).abs() < 1e-9 && steps.is_sorted_by(|a, b| a.fraction <= b.fraction));
        let digest = pulled.image.digest.clone().expect("a registry gives a digest");
        assert_eq!(bench.docker.image(&image).await.unwrap(), Some(pulled.image.clone()));

        // a second pull brings nothing, so it gives no right to remove
        let again = bench.docker.pull(&image, &go(), |_| {}).await.unwrap();
        assert_eq!((again.image, again.receipt), (pulled.image.clone(), None));

        // the right to remove survives a restart of the supervisor
        let receipt = serde_json::to_string(&pulled.receipt.unwrap()).unwrap();
        let receipt = serde_json::from_str(&receipt).unwrap();
        assert_eq!(bench.docker.remove_image(&receipt).await, Ok(Removed::Yes));
        assert_eq!(bench.docker.remove_image(&receipt).await, Ok(Removed::Yes));

        let pinned = bench.docker.pull(&image.pinned(&digest), &go(), |_| {}).await.unwrap();
        assert_eq!(pinned.image.digest, Some(digest));
        bench.docker.remove_image(&pinned.receipt.unwrap()).await.unwrap();
        assert_eq!(bench.docker.image(&image).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn an_image_that_somebody_uses_by_now_stays() {
    bench(|bench| async move {
        let image = bench.published().await;
        let receipt = bench.docker.pull(&image, &go(), |_| {}).await.unwrap().receipt.unwrap();
        let user = bench.make_with("notes", "true", |body| body.image = Some(image.to_string())).await;
        assert_eq!(bench.docker.remove_image(&receipt).await, Ok(Removed::InUse));
        bench.raw.remove_container(user.as_str(), None).await.unwrap();
        bench.forget(image.as_str()).await;
        // the name stands for something else
        bench.image("orbitr-test/docker-it-other:1").await;
        let tag = TagImageOptionsBuilder::default().repo(image.name()).tag("1.2").build();
        bench.raw.tag_image("orbitr-test/docker-it-other:1", Some(tag)).await.unwrap();
        assert_eq!(bench.docker.remove_image(&receipt).await, Ok(Removed::Changed));
        bench.forget(image.as_str()).await;
        bench.forget("orbitr-test/docker-it-other:1").await;
    })
    .await;
}

#[tokio::test]
async fn an_image_that_the_registry_does_not_have_is_named() {
    bench(|bench| async move {
        for name in [
            "orbitr-test/never-made:1",
            "orbitr-test/never-made:1@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            let image: ImageRef = format!("{}/{name}", registry()).parse().unwrap();
            let refused = bench.docker.pull(&image, &go(), |_| {}).await.unwrap_err();
            assert_eq!(refused, Error::ImageNotFound { image: image.to_string() });
        }
        let known = bench.published().await;
        let image: ImageRef = format!("{}:9.9", known.name()).parse().unwrap();
        let refused = bench.docker.pull(&image, &go(), |_| {}).await.unwrap_err();
        assert_eq!(refused, Error::ImageNotFound { image: image.to_string() });
    })
    .await;
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_told_from_an_image_that_is_not() {
    bench(|bench| async move {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        for registry in [closed.to_string(), "registry.invalid".to_owned()] {
            let image: ImageRef = format!("{registry}/some/thing:1").parse().unwrap();
            let refused = bench.docker.pull(&image, &go(), |_| {}).await.unwrap_err();
            assert!(matches!(refused, Error::RegistryUnreachable { .. }), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_pull_can_be_cancelled_while_the_registry_says_nothing() {
    bench(|bench| async move {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let image: ImageRef = format!("{}/some/thing:1", silent.local_addr().unwrap()).parse().unwrap();
        let cancel = go();
        let began = Instant::now();
        let (pulled, ()) = tokio::join!(bench.docker.pull(&image, &cancel, |_| {}), async {
            let (_connection, _) = silent.accept().await.unwrap();
            sleep(Duration::from_millis(200)).await;
            cancel.cancel();
        });
        assert_eq!(pulled, Err(Error::Cancelled));
        assert!(began.elapsed() < Duration::from_secs(5));
    })
    .await;
}
