// The JavaScript SDK: the full round. Of a stream it sends a trailer, chunk by chunk and without a length of the whole
// on the wire, and waits for 100-continue: boto3 never does.
//
//     node s3_round.mjs URL ACCESS_KEY SECRET

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [endpoint, accessKeyId, secretAccessKey] = process.argv.slice(2);
const s3 = new S3Client({
  endpoint,
  region: "us-east-1",
  forcePathStyle: true,
  credentials: { accessKeyId, secretAccessKey },
});
const Bucket = "node-" + randomBytes(4).toString("hex");
const MIB = 1 << 20;

async function bytes(command) {
  const got = await s3.send(command);
  return Buffer.from(await got.Body.transformToByteArray());
}

async function refused(code, command) {
  try {
    await s3.send(command);
  } catch (error) {
    assert.equal(error.name, code, `${error}`);
    return;
  }
  assert.fail(`${code} was not answered`);
}

// A stream is not in memory as a whole, so its checksum comes behind it.
function stream(body) {
  const steps = [];
  for (let at = 0; at < body.length; at += 70_000) steps.push(body.subarray(at, at + 70_000));
  return Readable.from(steps);
}

await s3.send(new CreateBucketCommand({ Bucket }));

const small = randomBytes(100_000);
const put = { Bucket, Key: "a b/ü+%", Body: small, ContentType: "text/x", Metadata: { colour: "blue" } };
await s3.send(new PutObjectCommand(put));
const got = await s3.send(new GetObjectCommand({ Bucket, Key: put.Key }));
assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), small);
assert.equal(got.ContentType, "text/x");
assert.deepEqual(got.Metadata, { colour: "blue" });
assert.deepEqual(
  await bytes(new GetObjectCommand({ Bucket, Key: put.Key, Range: "bytes=10-70000" })),
  small.subarray(10, 70_001),
);

for (const size of [0, 5, 65_536, 65_537, 3 * MIB + 7]) {
  const body = randomBytes(size);
  for (const ChecksumAlgorithm of ["CRC32", "SHA256"]) {
    const Key = `stream-${size}`;
    await s3.send(
      new PutObjectCommand({ Bucket, Key, Body: stream(body), ContentLength: size, ChecksumAlgorithm }),
    );
    const whole = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.ok(whole[`Checksum${ChecksumAlgorithm}`]);
    assert.equal(whole.ContentEncoding, undefined);
    assert.deepEqual(Buffer.from(await whole.Body.transformToByteArray()), body);
  }
}

const once = { Bucket, Key: "once", Body: "1", IfNoneMatch: "*" };
const { ETag } = await s3.send(new PutObjectCommand(once));
await refused("PreconditionFailed", new PutObjectCommand(once));
await s3.send(new PutObjectCommand({ Bucket, Key: "once", Body: "2", IfMatch: ETag }));
await refused("PreconditionFailed", new PutObjectCommand({ Bucket, Key: "once", Body: "3", IfMatch: ETag }));
await refused("NoSuchKey", new GetObjectCommand({ Bucket, Key: "none" }));

const large = randomBytes(64 * MIB);
await new Upload({ client: s3, params: { Bucket, Key: "large", Body: stream(large) }, partSize: 8 * MIB }).done();
assert.ok((await s3.send(new HeadObjectCommand({ Bucket, Key: "large" }))).ETag.endsWith('-8"'));
assert.ok((await bytes(new GetObjectCommand({ Bucket, Key: "large" }))).equals(large));
await s3.send(new CopyObjectCommand({ Bucket, Key: "copied", CopySource: `${Bucket}/large` }));
assert.ok((await bytes(new GetObjectCommand({ Bucket, Key: "copied" }))).equals(large));

const link = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "linked" }), { expiresIn: 60 });
assert.equal((await fetch(link, { method: "PUT", body: small })).status, 200);
const read = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "linked" }), { expiresIn: 60 });
assert.deepEqual(Buffer.from(await (await fetch(read)).arrayBuffer()), small);
assert.equal((await fetch(read.replace("linked", "once"))).status, 403);

await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
const ids = [];
for (const Body of ["0", "1"]) ids.push((await s3.send(new PutObjectCommand({ Bucket, Key: "kept", Body }))).VersionId);
assert.ok((await s3.send(new DeleteObjectCommand({ Bucket, Key: "kept" }))).DeleteMarker);
assert.equal((await bytes(new GetObjectCommand({ Bucket, Key: "kept", VersionId: ids[0] }))).toString(), "0");

for (let from = 0; from < 2_500; from += 50) {
  const some = Array.from({ length: 50 }, (_, n) => `many/${String(from + n).padStart(5, "0")}`);
  await Promise.all(some.map((Key) => s3.send(new PutObjectCommand({ Bucket, Key, Body: "x" }))));
}
const keys = [];
for await (const page of paginateListObjectsV2({ client: s3, pageSize: 700 }, { Bucket, Prefix: "many/" })) {
  keys.push(...(page.Contents ?? []).map((one) => one.Key));
}
assert.equal(new Set(keys).size, 2_500);
assert.deepEqual(keys, [...keys].sort());

for (let more = true; more; ) {
  const page = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
  const Objects = all.map(({ Key, VersionId }) => ({ Key, VersionId }));
  const { Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  assert.equal((Errors ?? []).length, 0);
  more = page.IsTruncated;
}
await s3.send(new DeleteBucketCommand({ Bucket }));
await refused("NoSuchBucket", new PutObjectCommand({ Bucket, Key: "x", Body: "x" }));
console.log("JavaScript SDK: ok");
