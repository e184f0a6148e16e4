//! What a worker and the authority must agree on.

use std::time::Duration;

/// How long a lease lasts.
pub const LEASE: Duration = Duration::from_millis(1_000);
/// A worker's clock may be so far from the authority's.
pub(crate) const SKEW_BOUND: Duration = Duration::from_millis(100);
