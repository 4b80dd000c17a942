use std::io::{self, Write as _};

use futures::executor::block_on_stream;
use mixed_replace::{Hub, Wire};
use tiny_http::Request;

fn live(request: Request, hub: &Hub) -> io::Result<()> {
    let accept = request.headers().iter().filter(|header| header.field.equiv("Accept")).map(|header| &header.value);
    let viewer = hub.subscribe(Wire::for_accept(accept.map(|value| value.as_str())))?;
    let headers = viewer.headers();
    let mut client = request.into_writer();
    write!(client, "HTTP/1.1 200 OK\r\nConnection: close\r\n")?;
    for (name, value) in &headers {
        write!(client, "{name}: {}\r\n", value.to_str().unwrap_or_default())?;
    }
    write!(client, "\r\n")?;
    for Ok(chunk) in block_on_stream(viewer.into_stream()) {
        client.write_all(&chunk)?;
        client.flush()?;
    }
    Ok(())
}
