use std::error::Error;

use futures::StreamExt as _;
use mixed_replace::{Decoder, decode::Parts};

async fn subscribe(address: &str, query: &str) -> Result<(), Box<dyn Error>> {
    let body = serde_json::json!({ "query": query }).to_string();
    let request = reqwest::Client::new().post(address).header("accept", "multipart/mixed;subscriptionSpec=1.0");
    let response = request.header("content-type", "application/json").body(body).send().await?.error_for_status()?;
    let content_type = response.headers().get("content-type").ok_or("no content type")?.clone();
    let decoder = Decoder::for_content_type(content_type.as_bytes());
    let mut events = Parts::new(response.bytes_stream(), decoder);
    while let Some(event) = events.next().await {
        match event?.body() {
            heartbeat if heartbeat == "{}" => {}
            event => println!("{}", String::from_utf8_lossy(event)),
        }
    }
    Ok(())
}
