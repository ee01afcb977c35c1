//! One node of the bare pipeline: `pipeline 127.0.0.1:8001 redis://127.0.0.1:6379`. Runs until it is killed.

#[path = "../redis_client.rs"]
mod redis_client;
mod server;

// Hotseat's, so that the two differ by what they do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), String> {
    // `cargo bench` adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [listen, redis] = words.as_slice() else { return Err("wanted: ADDRESS REDIS_URL".to_owned()) };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| error.to_string())?;
    server::serve(listener, redis).await
}
