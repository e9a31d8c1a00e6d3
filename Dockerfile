# The operator as an image: one file, what it loads only to probe, what is in them and under which licences, and Node to run it.
#
#   docker build -t registry.example.com/offboard:0.1.0 .          (make image)
#
# Both bases can be others, such as mirrors: --build-arg BUILD_IMAGE=… --build-arg RUNTIME_IMAGE=… Any runtime that has Node 24
# will do; it needs no shell. A tag may become another image: who wants the same one again names it by what it is,
#   --build-arg RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot@sha256:…
# with the digest that `docker buildx imagetools inspect IMAGE` prints. With SOURCE_DATE_EPOCH the same sources then give the same layer.
ARG BUILD_IMAGE=docker.io/library/node:24-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
# What is built needs no script of any package.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY LICENSE tsconfig.json ./
COPY src src
COPY docs/record.schema.json docs/
# Seconds since 1970, as `git log -1 --format=%ct` prints them.
ARG SOURCE_DATE_EPOCH
RUN npm run build

FROM ${RUNTIME_IMAGE}
# Where the images of distroless, and of Debian, have Node.
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin
# These and the flag below are what src/bundle.ts says, and what the figures of `make bench` are measured with.
ENV MALLOC_ARENA_MAX=1
ENV MALLOC_TRIM_THRESHOLD_=131072
# In one layer, into the root folder: nothing in it is of the moment at which it was built.
COPY --from=build /src/dist/offboard.mjs /src/dist/iam-credentials.mjs /src/dist/offboard.cdx.json /src/dist/offboard.THIRD-PARTY-NOTICES /src/dist/LICENSE /
# Nobody, by number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["node", "--max-semi-space-size=4", "/offboard.mjs"]
# Last, as these change most often. Where the sources are published, and the commit.
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title=offboard \
      org.opencontainers.image.description="Retires workload identities, and says so only when it is true" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} \
      org.opencontainers.image.source=${SOURCE}
