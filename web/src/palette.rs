//! placeholder until its pages are written.
use crate::site::Site;
use orbitr_access::gate::Routes;
pub(crate) const fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes
}
