//! One account that an admin is about to change: what every such handler needs.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use orbitr_access::{
    Error, Permit, TheBox, User,
    action::{ManagePeople, ViewPeople},
};
use orbitr_model::{Problem, UserId};

use super::person::{show, user_id};
use crate::{
    access::account::refused,
    flash::Flash,
    shell::{PageCx, error_status},
    site::{Cx, Site},
    trouble::{Answer, Trouble},
};

/// Who asks, about whom, and the page to answer with. Taken from the address `/people/{user}/…`.
pub(super) struct One {
    pub(super) site: Site,
    pub(super) permit: Permit<ManagePeople>,
    pub(super) cx: PageCx,
    pub(super) id: UserId,
    /// The other thing that the address names, such as a session; empty where it names none.
    other: String,
}

impl FromRequestParts<Site> for One {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let permit = Permit::from_request_parts(parts, site).await?;
        let params = RawPathParams::from_request_parts(parts, site).await.map_err(IntoResponse::into_response)?;
        let named = |user: bool| params.iter().find(|(name, _)| (*name == "user") == user).map_or("", |(_, text)| text);
        let id = user_id(named(true)).map_err(IntoResponse::into_response)?;
        let other = named(false).to_owned();
        let Ok(Cx(cx)) = Cx::from_request_parts(parts, site).await;
        Ok(Self { site: site.clone(), permit, cx, id, other })
    }
}

impl One {
    /// The account itself.
    pub(super) async fn user(&self) -> Answer<User> {
        let look = self.site.access.permit::<ViewPeople>(self.permit.caller(), TheBox).await?;
        Ok(self.site.access.user(&look, self.id).await?)
    }

    /// The other thing that the address names; text that cannot be its name names nothing.
    pub(super) fn other<T: std::str::FromStr>(&self, kind: &'static str) -> Answer<T> {
        self.other.parse().map_err(|_| Trouble(Problem::not_found(kind, &self.other)))
    }

    /// Back to their page: with a message, or with what was refused.
    pub(super) async fn outcome<T>(self, done: Result<T, Error>, said: &str) -> Answer<Response> {
        match done {
            Ok(_) => Ok(Flash::good(said).redirect(&format!("/people/{}", self.id))),
            Err(error) => {
                let problem = refused(error)?;
                let page = show(&self.site, self.cx, self.permit.caller(), self.id, Some(&problem)).await?;
                Ok((error_status(&problem), page).into_response())
            }
        }
    }
}
