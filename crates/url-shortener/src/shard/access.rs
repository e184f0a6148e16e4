//! Which calls wait for which: changes of one link are carried out one after the other, with no read beside them.

use bytes::Bytes;
use resilience::Access;

use super::LEASES;
use crate::message::Call;

/// Which link the call reads or changes. A page is not about a single link.
pub(super) fn access(wanted: &Call) -> Access<Bytes> {
    match wanted {
        Call::Get(key) => Access::Read(key.bytes().into()),
        Call::PutIfAbsent(key, _) | Call::Edit(key, _) | Call::Remove(key) => {
            Access::Change(key.bytes().into())
        }
        Call::Scan { .. } | Call::Newest { .. } | Call::Join | Call::Handover { .. } => {
            Access::Free
        }
        Call::Status | Call::CodeKey => Access::Free,
        Call::LeaseRange => Access::Change(Bytes::from_static(LEASES)),
    }
}
