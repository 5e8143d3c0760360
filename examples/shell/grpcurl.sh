#!/bin/sh
# Prints the request headers that a token of tokend's goes into: grpcurl.sh NAME
# Needs grpcurl and jq.
set -eu
name=${1:?usage: grpcurl.sh NAME}
socket=${TOKEND_SOCKET:-/run/tokend/tokend.sock}
answer=$(grpcurl -plaintext -unix -d "$(jq -n --arg name "$name" '{$name}')" \
  "${socket#unix://}" tokend.v1.TokenService/AcquireToken)
printf %s "$answer" | jq -r '.token.placements[] | select(.header) | "\(.header): \(.value)"'
