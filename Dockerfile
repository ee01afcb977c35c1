# syntax=docker/dockerfile:1
# Hotseat in a container: the build of the README, then the binary alone on a slim Debian.
#
#   docker build -t hotseat .
#   docker run -p 8000:8000 -v hotseat:/data hotseat

FROM rust:1.95-slim-bookworm AS build
# SQLite and mimalloc are compiled from source by their crates.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
# Named in Cargo.toml, so Cargo wants to see them.
COPY benches benches
COPY src src
COPY web web
# What is compiled stays between builds; only the binary is taken out.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked \
 && cp target/release/hotseat /usr/local/bin/hotseat

FROM debian:bookworm-slim
# For TLS to the store.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin hotseat \
 && install -d -o hotseat -g hotseat -m 0700 /data
COPY --from=build /usr/local/bin/hotseat /usr/local/bin/hotseat
COPY deploy/healthcheck /usr/local/bin/healthcheck
USER hotseat
VOLUME /data
ENV HOTSEAT_LISTEN=0.0.0.0:8000 \
    HOTSEAT_STORE=embedded:/data \
    HOTSEAT_LOG_FORMAT=json
EXPOSE 8000
# Liveness only. A node that has lost its store keeps its sockets and heals; to restart it would throw them out.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["healthcheck", "127.0.0.1", "8000"]
# SIGTERM drains: `restarting` to every socket, then exit 0.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hotseat"]
CMD ["serve"]
