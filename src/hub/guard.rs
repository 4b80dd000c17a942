//! What ends with the last handle and the last viewer of a hub.

#[cfg(feature = "source")]
use std::any::Any;
#[cfg(feature = "source")]
use std::sync::Arc;

/// Kept by handles, viewers and snapshots of a hub. Dropped with the last of them, which ends a source that nobody can watch
/// any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Guard {
    #[cfg(feature = "source")]
    _source: Option<Arc<dyn Any + Send + Sync>>,
}

impl Guard {
    #[cfg(feature = "source")]
    pub(super) fn new(source: impl Any + Send + Sync) -> Self {
        Self { _source: Some(Arc::new(source)) }
    }
}
