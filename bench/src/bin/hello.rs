//! The yardstick: a bare hyper HTTP/1.1 server on one thread that answers everything with one body.
//!
//!     hello ADDRESS FILE        FILE holds the body

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::TokioIo;
use strongroom_bench::{Failed, argument};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let listener = TcpListener::bind(argument(1, "the address to listen at")?).await?;
    let body = Bytes::from(std::fs::read(argument(2, "the file with the body")?)?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |_: Request<Incoming>| std::future::ready(answer(body.clone())));
            // The load generator hangs up when it has done its work.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn answer(body: Bytes) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    Response::builder().header(header::CONTENT_TYPE, "application/json").body(Full::new(body))
}
