# callhook in a container: the binary, the libraries that it needs, and nothing that it would have to write to but /var/lib/callhook.
# docs/container.md says how to run it. DEBIAN may be bookworm or trixie.
ARG DEBIAN=trixie

FROM docker.io/library/debian:${DEBIAN}-slim AS build
WORKDIR /src
# The packages first: they change seldom, and a layer keeps them.
COPY scripts/install-packages scripts/
RUN scripts/install-packages --build
COPY . .
# The compiler's cache outlives the layer, so that a small change is a short build.
RUN --mount=type=cache,id=callhook-ccache,target=/ccache \
    export CCACHE_DIR=/ccache CCACHE_BASEDIR=/src CCACHE_NOHASHDIR=1 && \
    cmake --preset release -DCALLHOOK_TESTS=OFF && cmake --build --preset release
RUN DESTDIR=/installed cmake --install build/release --prefix /usr --strip
# Which packages the binary's libraries are of, by Debian's own reckoning, so that no list of them can be wrong.
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN mkdir -p /reckoned/debian && cd /reckoned && printf 'Source: callhook\n' >debian/control && \
    dpkg-shlibdeps -O -e/installed/usr/sbin/callhookd | sed 's/^shlibs:Depends=//; s/ ([^)]*)//g; s/, /\n/g' >/libraries

FROM docker.io/library/debian:${DEBIAN}-slim
COPY --from=build /libraries /usr/share/callhook/libraries
RUN apt-get update && \
    xargs apt-get install -y --no-install-recommends ca-certificates tzdata </usr/share/callhook/libraries && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb /var/log/*.log /var/log/apt && \
    useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/callhook --shell /usr/sbin/nologin callhook && \
    install -d -m 0700 -o callhook -g callhook /var/lib/callhook
COPY --from=build /installed/usr/sbin/callhookd /usr/sbin/
COPY config/callhookd.toml /etc/callhook/

# A number, so that Kubernetes sees that it is not root.
USER 10001:10001
# Where webhooks wait while the database is away: what is not on a volume goes with the container.
VOLUME ["/var/lib/callhook"]
EXPOSE 8080
# In a container nobody reaches a loopback address. The API stays on it, for those inside; docs/container.md has it opened with tokens.
ENV CALLHOOK_HOOKS_ADDRESS=0.0.0.0 CALLHOOK_LOG_FORMAT=json
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/sbin/callhookd", "healthcheck"]
ENTRYPOINT ["/usr/sbin/callhookd"]
CMD ["serve", "--migrate"]
