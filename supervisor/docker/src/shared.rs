//! Networks between apps: one for each app that gives something to others, made before the first of them starts.
//!
//! They belong to no Compose project, so that an app may come and go while others are in its network.

use std::collections::HashMap;

use bollard::{models::NetworkCreateRequest, query_parameters::ListNetworksOptionsBuilder};
use orbitr_model::AppId;
use tokio::sync::Mutex;

use crate::{Docker, Error, LABEL_BOX, NetworkId, Owned};

/// The label whose value is the app that gives something to the others in a network.
pub const LABEL_SHARED: &str = "io.orbitr.shared";

/// Docker lets two networks have one name; only one of us may look and make at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

impl Docker {
    /// The network in which others reach `app`, made where there is none. It leads nowhere else.
    ///
    /// # Errors
    /// Somebody else's network has the name, Docker has no addresses left, or it does not answer.
    pub async fn shared_network(&self, app: &AppId, name: &str) -> Result<(), Error> {
        let _alone = ALONE.lock().await;
        if self.find_shared(app).await?.is_some() {
            return Ok(());
        }
        let client = self.client()?;
        let taken = ListNetworksOptionsBuilder::default().filters(&named(name)).build();
        let taken = self.call("list of networks", client.list_networks(Some(taken))).await?;
        // the filter finds names that hold the word, too
        if taken.iter().any(|one| one.name.as_deref() == Some(name)) {
            return Err(Error::NameTaken { name: name.to_owned() });
        }
        let labels = [(LABEL_BOX, self.config().box_id.clone()), (LABEL_SHARED, app.to_string())];
        let wanted = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            internal: Some(true),
            labels: Some(labels.map(|(label, value)| (label.to_owned(), value)).into()),
            ..NetworkCreateRequest::default()
        };
        self.call(&format!("network {name}"), client.create_network(wanted)).await.map(|_| ())
    }

    /// Removes the network in which others reached `app`; there may be none.
    ///
    /// # Errors
    /// Containers are in it, or the engine does not answer.
    pub async fn remove_shared_network(&self, app: &AppId) -> Result<(), Error> {
        let _alone = ALONE.lock().await;
        match self.find_shared(app).await? {
            Some(network) => self.remove_network(&network).await,
            None => Ok(()),
        }
    }

    async fn find_shared(&self, app: &AppId) -> Result<Option<Owned<NetworkId>>, Error> {
        let labels = vec![format!("{LABEL_BOX}={}", self.config().box_id), format!("{LABEL_SHARED}={app}")];
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let client = self.client()?;
        let options = ListNetworksOptionsBuilder::default().filters(&filters).build();
        let found = self.call("list of networks", client.list_networks(Some(options))).await?;
        let mut ours = found.into_iter().filter(|one| self.is_ours(one.labels.as_ref()));
        Ok(ours.find_map(|one| Some(Owned::checked(NetworkId { id: one.id?, name: one.name? }))))
    }
}

fn named(name: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("name".to_owned(), vec![name.to_owned()])])
}
