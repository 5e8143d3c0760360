#!/bin/sh
# Prints the request headers that a token of tokend's goes into: buf.sh NAME
# Needs buf (`npm ci` beside this file brings it) and jq.
set -eu
name=${1:?usage: buf.sh NAME}
socket=${TOKEND_SOCKET:-/run/tokend/tokend.sock}
PATH=$(dirname "$0")/node_modules/.bin:$PATH
answer=$(buf curl --protocol grpc --http2-prior-knowledge --unix-socket "${socket#unix://}" \
  --data "$(jq -n --arg name "$name" '{$name}')" \
  http://localhost/tokend.v1.TokenService/AcquireToken)
printf %s "$answer" | jq -r '.token.placements[] | select(.header) | "\(.header): \(.value)"'
