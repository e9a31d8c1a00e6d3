#!/usr/bin/env bash
# `make kind`: Offboard in a kind cluster, built from this checkout. Run again, it brings the cluster up to the checkout; it deletes nothing.
#   KIND_CLUSTER=offboard  its name        KIND_IMAGE=kindest/node:v1.36.…  another Kubernetes than kind's own        DRY_RUN=1  only says what it would do
set -euo pipefail
cd "$(dirname "$0")/../.."
cluster=${KIND_CLUSTER:-offboard}
image=offboard:$(sed -n 's/^appVersion: //p' charts/offboard/Chart.yaml)

run() {
  printf '+ %s\n' "$*"
  [[ -n ${DRY_RUN:-} ]] || "$@"
}
fail() {
  printf 'make kind: %s\n' "$1" >&2
  exit 1
}

missing=()
for tool in docker kind kubectl; do command -v "$tool" >/dev/null || missing+=("$tool"); done
if [[ -z ${DRY_RUN:-} ]]; then
  ((${#missing[@]} == 0)) || fail "not on PATH: ${missing[*]}. https://kind.sigs.k8s.io/docs/user/quick-start/ says how to get them; make demo and make cluster need none of them"
  docker info >/dev/null 2>&1 || fail 'Docker does not answer: start it, or see that you may use it (docker info)'
fi

kubectl=(kubectl --context "kind-$cluster")
run docker build -t "$image" .
if [[ -n ${DRY_RUN:-} ]] || ! kind get clusters 2>/dev/null | grep -qxF "$cluster"; then
  run kind create cluster --name "$cluster" --config config/kind/cluster.yaml --wait 120s ${KIND_IMAGE:+--image "$KIND_IMAGE"}
fi
run kind load docker-image "$image" --name "$cluster"
if [[ -z ${DRY_RUN:-} ]] && ! "${kubectl[@]}" get --raw /apis/admissionregistration.k8s.io/v1 | grep -q '"mutatingadmissionpolicies"'; then
  fail "the cluster is older than Kubernetes 1.36. Take a newer node image, KIND_IMAGE=kindest/node:v1.36.…, or the chart with policies.mutating=false"
fi
run "${kubectl[@]}" apply -k config/kind --server-side
# The same tag may be another image than last time.
run "${kubectl[@]}" rollout restart deployment/offboard -n offboard-system
run "${kubectl[@]}" rollout status deployment/offboard -n offboard-system --timeout 180s
cat <<END

Offboard runs in kind-$cluster. Retire somebody:
  ${kubectl[*]} apply -f config/samples/ci.yaml -f config/samples/workloadidentity.yaml -f config/samples/offboarding-emergency.yaml
  ${kubectl[*]} get offboardings -A -w
Take it down: kind delete cluster --name $cluster
END
