"""boto3: the full round against an object store, and what only its parts can send (CRC-64/NVME, by botocore's crt).

    python s3_round.py URL ACCESS_KEY SECRET
"""

import base64
import hashlib
import io
import os
import sys
import urllib.error
import urllib.request
import zlib

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

url, key, secret = sys.argv[1:4]
MIB = 1 << 20


def client(**options):
    config = Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"}, **options)
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=config,
    )


s3 = client()
bucket = "boto3-" + os.urandom(4).hex()


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        said = error.response["Error"]["Code"]
        assert said == code, (said, code, error)
        return error.response
    raise AssertionError(f"{code} was not answered")


s3.create_bucket(Bucket=bucket)
assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]
s3.head_bucket(Bucket=bucket)

# Small and large, with what is said of them.
body = os.urandom(100_000)
s3.put_object(Bucket=bucket, Key="a b/ü+%.txt", Body=body, ContentType="text/x", Metadata={"colour": "blue"})
got = s3.get_object(Bucket=bucket, Key="a b/ü+%.txt")
assert got["Body"].read() == body
assert (got["ContentType"], got["Metadata"]) == ("text/x", {"colour": "blue"})
assert got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
assert got["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
for first, last in [(0, 0), (10, 70_000), (99_999, 99_999)]:
    part = s3.get_object(Bucket=bucket, Key="a b/ü+%.txt", Range=f"bytes={first}-{last}")
    assert part["Body"].read() == body[first : last + 1]
    assert part["ContentRange"] == f"bytes {first}-{last}/100000"
refused("InvalidRange", s3.get_object, Bucket=bucket, Key="a b/ü+%.txt", Range="bytes=100000-")
refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="none")
refused("NoSuchBucket", s3.get_object, Bucket=bucket + "-none", Key="none")

# Conditions.
s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="once", Body=b"2", IfNoneMatch="*")
tag = s3.head_object(Bucket=bucket, Key="once")["ETag"]
s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfMatch=tag)
refused("PreconditionFailed", s3.put_object, Bucket=bucket, Key="once", Body=b"3", IfMatch=tag)
refused("NoSuchKey", s3.put_object, Bucket=bucket, Key="none", Body=b"1", IfMatch=tag)
assert s3.get_object(Bucket=bucket, Key="once")["Body"].read() == b"2"

# Checksums of every kind; CRC-64/NVME needs botocore's crt.
for algorithm in ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"]:
    stored = s3.put_object(Bucket=bucket, Key="sum", Body=body, ChecksumAlgorithm=algorithm)
    shown = s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
    assert stored[f"Checksum{algorithm}"] == shown[f"Checksum{algorithm}"]
    assert s3.get_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")["Body"].read() == body
refused("BadDigest", s3.put_object, Bucket=bucket, Key="wrong", Body=b"x", ContentMD5="XUFAKrxLKna5cZ2REBfFkg==")
refused("BadDigest", s3.put_object, Bucket=bucket, Key="wrong", Body=b"x", ChecksumCRC32="AAAAAA==")
refused("404", s3.head_object, Bucket=bucket, Key="wrong")

# 64 MiB in parts, by boto3's own means, and copied, which takes parts of a source.
large = os.urandom(64 * MIB)
parts = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB, max_concurrency=4)
s3.upload_fileobj(io.BytesIO(large), bucket, "large", Config=parts)
assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-8"')
down = io.BytesIO()
s3.download_fileobj(bucket, "large", down, Config=parts)
assert down.getvalue() == large
s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copied", Config=parts)
middle = s3.get_object(Bucket=bucket, Key="copied", Range=f"bytes={8 * MIB - 5}-{24 * MIB + 5}")
assert middle["Body"].read() == large[8 * MIB - 5 : 24 * MIB + 6]
s3.copy_object(Bucket=bucket, Key="once-more", CopySource={"Bucket": bucket, "Key": "once"})
assert s3.get_object(Bucket=bucket, Key="once-more")["Body"].read() == b"2"

# Parts by hand: their checksums, composite and full, and what is refused.
for algorithm, kind in [("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC64NVME", "FULL_OBJECT")]:
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key="parts", ChecksumAlgorithm=algorithm, ChecksumType=kind, Metadata={"a": "1"}
    )["UploadId"]
    named = []
    for number, part in enumerate([large[: 5 * MIB], large[5 * MIB : 6 * MIB]], 1):
        put = s3.upload_part(
            Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=part, ChecksumAlgorithm=algorithm
        )
        named.append({"PartNumber": number, "ETag": put["ETag"], f"Checksum{algorithm}": put[f"Checksum{algorithm}"]})
    assert [part["PartNumber"] for part in s3.list_parts(Bucket=bucket, Key="parts", UploadId=upload)["Parts"]] == [1, 2]
    assert upload in [one["UploadId"] for one in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    wrong = {"Parts": list(reversed(named))}
    refused("InvalidPartOrder", s3.complete_multipart_upload, Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=wrong)
    whole = {"Bucket": bucket, "Key": "parts", "UploadId": upload, "MultipartUpload": {"Parts": named}}
    done = s3.complete_multipart_upload(**whole)
    assert done[f"Checksum{algorithm}"].endswith("-2") == (kind == "COMPOSITE")
    assert s3.complete_multipart_upload(**whole)["ETag"] == done["ETag"]
    got = s3.get_object(Bucket=bucket, Key="parts", ChecksumMode="ENABLED")
    assert got["Body"].read() == large[: 6 * MIB] and got["Metadata"] == {"a": "1"}
    assert got["ChecksumType"] == kind
upload = s3.create_multipart_upload(Bucket=bucket, Key="aborted")["UploadId"]
s3.upload_part(Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")
s3.abort_multipart_upload(Bucket=bucket, Key="aborted", UploadId=upload)
refused("NoSuchUpload", s3.upload_part, Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")

# Presigned, by a program that knows nothing of S3. Of its own accord boto3 signs URLs with version 2, as nobody should.
refused_link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "once"}, ExpiresIn=60)
s3 = client(signature_version="s3v4")
link = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "linked"}, ExpiresIn=60)
urllib.request.urlopen(urllib.request.Request(link, data=body, method="PUT")).read()
link = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "linked"}, ExpiresIn=60)
assert urllib.request.urlopen(link).read() == body
for wrong, code in [(link.replace("linked", "once"), 403), (refused_link, 400)]:
    try:
        urllib.request.urlopen(wrong)
        raise AssertionError("a URL for one key read another, or one of version 2 was believed")
    except urllib.error.HTTPError as error:
        assert error.code == code, error

# Versions.
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
ids = [s3.put_object(Bucket=bucket, Key="kept", Body=f"{n}".encode())["VersionId"] for n in range(3)]
gone = s3.delete_object(Bucket=bucket, Key="kept")
assert gone["DeleteMarker"]
refused("NoSuchKey", s3.get_object, Bucket=bucket, Key="kept")
assert s3.get_object(Bucket=bucket, Key="kept", VersionId=ids[1])["Body"].read() == b"1"
listed = s3.list_object_versions(Bucket=bucket, Prefix="kept")
assert [one["VersionId"] for one in listed["Versions"]] == list(reversed(ids))
assert [one["VersionId"] for one in listed["DeleteMarkers"]] == [gone["VersionId"]]
s3.delete_object(Bucket=bucket, Key="kept", VersionId=gone["VersionId"])
assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"2"

# 2,500 keys, by pages of both kinds.
for number in range(2_500):
    s3.put_object(Bucket=bucket, Key=f"many/{number % 5}/{number:05}", Body=b"x")
for call, size in [("list_objects_v2", 1_000), ("list_objects_v2", 333), ("list_objects", 700)]:
    pages = s3.get_paginator(call).paginate(Bucket=bucket, Prefix="many/", PaginationConfig={"PageSize": size})
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    assert keys == sorted(keys) and len(keys) == len(set(keys)) == 2_500, (call, size, len(keys))
folders = s3.list_objects_v2(Bucket=bucket, Prefix="many/", Delimiter="/", MaxKeys=2)
assert [one["Prefix"] for one in folders["CommonPrefixes"]] == ["many/0/", "many/1/"] and folders["IsTruncated"]

# All of it goes, versions and all.
refused("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
    those = page.get("Versions", []) + page.get("DeleteMarkers", [])
    those = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in those]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": those})
    assert len(deleted["Deleted"]) == len(those) and "Errors" not in deleted
s3.delete_bucket(Bucket=bucket)
refused("NoSuchBucket", s3.list_objects_v2, Bucket=bucket)
print("boto3: ok")
