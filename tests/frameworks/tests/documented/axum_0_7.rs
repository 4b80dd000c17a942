use mixed_replace::{Hub, Live};

fn app(hub: Hub) -> axum::Router {
    axum::Router::new().route_service("/live", Live::new(hub))
}
