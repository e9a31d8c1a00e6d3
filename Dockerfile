# The operator as an image: one file, what it loads only to probe, and Node to run it.
#
#   docker build -t registry.example.com/offboard:0.1.0 .
#
# Both bases can be others, such as mirrors: --build-arg BUILD_IMAGE=… --build-arg RUNTIME_IMAGE=… Any runtime that has Node 24
# will do; it needs no shell.
ARG BUILD_IMAGE=docker.io/library/node:24-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY docs/record.schema.json docs/
RUN npm run build

FROM ${RUNTIME_IMAGE}
# Where the images of distroless, and of Debian, have Node.
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin
# These and the flag below are what src/bundle.ts says, and what the figures of `make bench` are measured with.
ENV MALLOC_ARENA_MAX=1
ENV MALLOC_TRIM_THRESHOLD_=131072
COPY --from=build /src/dist/offboard.mjs /src/dist/iam-credentials.mjs /
# Nobody, by number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["node", "--max-semi-space-size=4", "/offboard.mjs"]
