//! What the service promises, as tests.

mod conformance;
