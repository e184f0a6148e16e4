#!/usr/bin/env bash
# awscli and rclone: the full round of each against an object store, as their users do it in shells.
#
#     s3_shell.sh URL ACCESS_KEY SECRET AWS
#
# AWS is the awscli to use.
set -euo pipefail
url=$1 aws=$4
export AWS_ACCESS_KEY_ID=$2 AWS_SECRET_ACCESS_KEY=$3 AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
# rclone cannot use it, and there is no TLS here.
unset AWS_CA_BUNDLE
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
export AWS_CONFIG_FILE=$scratch/config RCLONE_CONFIG=$scratch/rclone.conf
# Of its own accord awscli 1 signs URLs with version 2, as nobody should.
printf '[default]\ns3 =\n    signature_version = s3v4\n' >"$AWS_CONFIG_FILE"
aws() { "$aws" --endpoint-url "$url" "$@"; }
# It must fail, and say this.
refused() {
    local code=$1
    shift
    if "$@" >said 2>&1; then
        echo "$* was not refused" >&2
        return 1
    fi
    grep -q "$code" said || { cat said >&2; return 1; }
}
head -c 67108864 /dev/urandom >large
head -c 100000 /dev/urandom >small
mkdir many
for n in $(seq -w 2500); do echo "$n" >"many/$n"; done

bucket=aws-$RANDOM$RANDOM
aws s3 mb "s3://$bucket" >said
aws s3 cp --quiet --content-type text/x --metadata colour=blue small "s3://$bucket/a b/ü+%"
aws s3 cp --quiet "s3://$bucket/a b/ü+%" got && cmp small got
aws s3api head-object --bucket "$bucket" --key "a b/ü+%" >said
grep -q '"colour": "blue"' said && grep -q '"ContentType": "text/x"' said
aws s3 cp --quiet large "s3://$bucket/large"
aws s3 cp --quiet "s3://$bucket/large" got && cmp large got
aws s3api get-object --bucket "$bucket" --key large --range bytes=5000000-9000000 part >said
cmp part <(tail -c +5000001 large | head -c 4000001)
aws s3 cp --quiet "s3://$bucket/large" "s3://$bucket/copied"
aws s3 cp --quiet "s3://$bucket/copied" - | cmp large
aws s3api put-object --bucket "$bucket" --key once --body small --if-none-match '*' >said
refused PreconditionFailed aws s3api put-object --bucket "$bucket" --key once --body large --if-none-match '*'
python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' \
    "$(aws s3 presign --expires-in 60 "s3://$bucket/once")" | cmp small
aws s3 sync --quiet many "s3://$bucket/many"
[ "$(aws s3 ls --recursive "s3://$bucket/many/" | wc -l)" -eq 2500 ]
[ "$(aws s3 ls --page-size 300 "s3://$bucket/many/" | wc -l)" -eq 2500 ]
aws s3 ls "s3://$bucket/" >said && grep -q 'PRE many/' said
aws s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
aws s3 cp --quiet large "s3://$bucket/once"
aws s3 rm --quiet "s3://$bucket/once"
refused 'Not Found' aws s3api head-object --bucket "$bucket" --key once
[ "$(aws s3api list-object-versions --bucket "$bucket" --prefix once --query 'length(Versions)')" -eq 2 ]
aws s3api get-object --bucket "$bucket" --key once --version-id null got >said && cmp small got
refused BucketNotEmpty aws s3 rb "s3://$bucket"
aws s3api list-object-versions --bucket "$bucket" --output json \
    --query '{Objects: [Versions, DeleteMarkers][][].{Key: Key, VersionId: VersionId}}' >all
python3 - all <<'PY'
import json, sys
everything = json.load(open(sys.argv[1]))["Objects"]
for number, at in enumerate(range(0, len(everything), 1000)):
    json.dump({"Objects": everything[at : at + 1000], "Quiet": True}, open(f"some-{number}", "w"))
PY
for some in some-*; do
    aws s3api delete-objects --bucket "$bucket" --delete "file://$some" >said
    grep -q Error said && { cat said >&2; exit 1; }
done
aws s3 rb "s3://$bucket" >said
echo "awscli: ok"

cat >"$RCLONE_CONFIG" <<CONFIG
[lab]
type = s3
provider = Other
access_key_id = $2
secret_access_key = $3
endpoint = $url
force_path_style = true
CONFIG
bucket=rclone-$RANDOM$RANDOM
rclone() { command rclone --s3-upload-cutoff 5M --s3-chunk-size 5M --log-level ERROR "$@"; }
rclone mkdir "lab:$bucket"
rclone lsd lab: >said && grep -q "$bucket" said
rclone copyto small "lab:$bucket/a b/ü+%"
rclone cat "lab:$bucket/a b/ü+%" | cmp small
rclone copyto large "lab:$bucket/large"
rclone cat "lab:$bucket/large" | cmp large
rclone cat --offset 5000000 --count 4000001 "lab:$bucket/large" | cmp <(tail -c +5000001 large | head -c 4000001)
rclone copyto "lab:$bucket/large" "lab:$bucket/copied"
rclone cat "lab:$bucket/copied" | cmp large
rclone copy many "lab:$bucket/many"
[ "$(rclone lsf "lab:$bucket/many" | wc -l)" -eq 2500 ]
[ "$(rclone lsf --s3-list-chunk 300 "lab:$bucket/many" | wc -l)" -eq 2500 ]
rclone check many "lab:$bucket/many"
python3 -c 'import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())' \
    "$(rclone link --expire 1m "lab:$bucket/a b/ü+%")" | cmp small
aws s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
rclone copyto large "lab:$bucket/a b/ü+%"
[ "$(rclone lsf --s3-versions "lab:$bucket/a b" | wc -l)" -eq 2 ]
rclone delete "lab:$bucket"
[ "$(rclone lsf -R --files-only "lab:$bucket" | wc -l)" -eq 0 ]
rclone --s3-versions lsf -R --files-only "lab:$bucket" >said
[ "$(wc -l <said)" -eq 2504 ] || { wc -l said >&2; exit 1; }
rclone cleanup "lab:$bucket"
echo "rclone: ok"
