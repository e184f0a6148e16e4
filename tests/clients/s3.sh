#!/usr/bin/env bash
# People's own S3 clients, each the full round, against a store of nine nodes in one process: boto3, the JavaScript SDK,
# awscli and rclone.
#
#     tests/clients/s3.sh target/release/infralab
set -euo pipefail
infralab=$(readlink -f "$1")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
started=()
clean_up() {
    for id in "${started[@]}"; do
        kill -INT "$id" 2>"$scratch/said" && wait "$id" || true
    done
    rm -rf "$scratch"
}
trap clean_up EXIT

pip() {
    python3 -m venv "$scratch/$1"
    "$scratch/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}
# awscli stands on another botocore than boto3.
pip boto3 boto3==1.44.8 awscrt==0.38.0
pip aws awscli==1.45.11
npm install --silent --no-audit --no-fund --prefix "$scratch/node" \
    @aws-sdk/client-s3@3.1175.0 @aws-sdk/lib-storage@3.1175.0 @aws-sdk/s3-request-presigner@3.1169.0
cp s3_round.mjs "$scratch/node"

key=LABKEY secret=$(od -An -tx8 -N16 /dev/urandom | tr -d ' \n')
(umask 077 && echo "lab $key $secret" >"$scratch/keys")
"$infralab" object-store serve --listen 127.0.0.1:0 --data "$scratch/data" --keys "$scratch/keys" \
    >"$scratch/out" 2>"$scratch/err" &
started+=($!)
for _ in $(seq 300); do
    grep -q '^listening on' "$scratch/out" && break
    sleep 0.1
done
url=$(sed -n 's/^listening on //p' "$scratch/out" | head -1)
[ -n "$url" ] || { cat "$scratch/err" >&2; exit 1; }

round() { timeout 600 "$@" || { tail -50 "$scratch/err" >&2; exit 1; }; }
round "$scratch/boto3/bin/python" s3_round.py "$url" "$key" "$secret"
round node "$scratch/node/s3_round.mjs" "$url" "$key" "$secret"
round ./s3_shell.sh "$url" "$key" "$secret" "$scratch/aws/bin/aws"
