//! Pages of people.
pub(crate) mod setup;
mod sign_in;
use crate::site::Site;
use orbitr_access::gate::Routes;
pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    sign_in::routes(setup::routes(routes))
}
