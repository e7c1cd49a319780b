//! Only what carries our label is touched.

use bollard::{
    models::{NetworkCreateRequest, VolumeCreateRequest},
    query_parameters::RemoveVolumeOptionsBuilder,
};
use orbitr_docker::{Error, LABEL_APP, LABEL_BOX, Scope};

use crate::bench::{Bench, bench};

impl Bench {
    async fn network(&self, name: &str, labels: &[(&str, &str)]) -> String {
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let body = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels),
            ..NetworkCreateRequest::default()
        };
        self.raw.create_network(body).await.unwrap().id
    }

    async fn volume(&self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let body =
            VolumeCreateRequest { name: Some(name.to_owned()), labels: Some(labels), ..VolumeCreateRequest::default() };
        self.raw.create_volume(body).await.unwrap();
    }
}

#[tokio::test]
async fn what_an_app_left_is_found_and_removed_and_nothing_else() {
    bench(|bench| async move {
        let box_id = bench.config.box_id.clone();
        let ours = |app: &'static str| [(LABEL_BOX, box_id.as_str()), (LABEL_APP, app)];
        let name = |what: &str| format!("{box_id}-{what}");
        for app in ["notes", "photos"] {
            bench.make(app, "true").await;
            bench.network(&name(app), &ours(app)).await;
            bench.volume(&name(app), &ours(app)).await;
        }
        // the same app of another box, and nobody's
        let theirs = [(LABEL_BOX, "another box"), (LABEL_APP, "notes")];
        let container = bench.make_foreign(&theirs).await;
        let network = bench.network(&name("theirs"), &theirs).await;
        bench.volume(&name("theirs"), &[]).await;

        let app = "notes".parse().unwrap();
        let things = bench.docker.owned(Scope::App(&app)).await.unwrap();
        assert_eq!((things.containers.len(), things.networks.len(), things.volumes.len()), (1, 1, 1));
        for one in &things.containers {
            bench.docker.remove_container(one).await.unwrap();
        }
        for one in things.networks.iter().chain(&things.networks) {
            bench.docker.remove_network(one).await.unwrap();
        }
        for one in things.volumes.iter().chain(&things.volumes) {
            bench.docker.remove_volume(one).await.unwrap();
        }
        assert!(bench.docker.owned(Scope::App(&app)).await.unwrap().is_empty());
        let left = bench.docker.owned(Scope::Box).await.unwrap();
        assert_eq!((left.containers.len(), left.networks.len(), left.volumes.len()), (1, 1, 1));

        assert!(bench.exists(&container).await);
        bench.raw.remove_container(container.as_str(), None).await.unwrap();
        bench.raw.remove_network(&network).await.unwrap();
        bench.raw.remove_volume(&name("theirs"), None::<bollard::query_parameters::RemoveVolumeOptions>).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_volume_whose_name_somebody_else_took_over_stays() {
    bench(|bench| async move {
        let name = format!("{}-data", bench.config.box_id);
        bench.volume(&name, &[(LABEL_BOX, &bench.config.box_id)]).await;
        let ours = bench.docker.owned_volumes(Scope::Box).await.unwrap();
        let force = RemoveVolumeOptionsBuilder::default().force(true).build();
        bench.raw.remove_volume(&name, Some(force.clone())).await.unwrap();
        bench.volume(&name, &[]).await;
        let refused = bench.docker.remove_volume(&ours[0]).await;
        assert!(matches!(refused, Err(Error::NotOurs { .. })), "{refused:?}");
        assert!(bench.raw.inspect_volume(&name).await.is_ok());
        bench.raw.remove_volume(&name, Some(force)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_is_in_use_stays_and_says_so() {
    bench(|bench| async move {
        let name = format!("{}-data", bench.config.box_id);
        bench.volume(&name, &[(LABEL_BOX, &bench.config.box_id)]).await;
        bench
            .make_with("notes", "true", |body| {
                body.host_config.get_or_insert_default().binds = Some(vec![format!("{name}:/data")]);
            })
            .await;
        let volumes = bench.docker.owned_volumes(Scope::Box).await.unwrap();
        let refused = bench.docker.remove_volume(&volumes[0]).await;
        assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn the_engine_says_how_much_it_stores() {
    bench(|bench| async move {
        assert!(bench.docker.disk_use().await.unwrap().images > 500_000);
    })
    .await;
}
