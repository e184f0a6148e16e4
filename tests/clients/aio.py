"""aiokafka: produces idempotently with each compression, and consumes in a group of two."""

import asyncio
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

servers, suffix = sys.argv[1], sys.argv[2]
TOPIC = f"aio-{suffix}"
COUNT = 100


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=2, replication_factor=3)])
    await admin.close()
    kinds = [None, "gzip", "snappy", "lz4", "zstd"]
    for kind in kinds:
        producer = AIOKafkaProducer(
            bootstrap_servers=servers, enable_idempotence=True, compression_type=kind
        )
        await producer.start()
        sent = [await producer.send(TOPIC, f"{kind}-{n}".encode() * 20) for n in range(COUNT)]
        await asyncio.gather(*sent)
        await producer.stop()
    wanted = COUNT * len(kinds)

    def consumer():
        return AIOKafkaConsumer(
            TOPIC,
            bootstrap_servers=servers,
            group_id="a1-" + suffix,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
        )

    members = [consumer(), consumer()]
    for member in members:
        await member.start()
    seen, until = {}, time.time() + 60
    while time.time() < until and (
        len(seen) < wanted or any(len(member.assignment()) != 1 for member in members)
    ):
        for member in members:
            for records in (await member.getmany(timeout_ms=200)).values():
                for record in records:
                    seen[(record.partition, record.offset)] = record.value
    assert len(seen) == wanted, f"{len(seen)} of {wanted} records were read"
    ends = {}
    for partition, offset in seen:
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    for member in members:
        await member.commit({p: ends.get(p.partition, 0) for p in member.assignment()})
    for member in members:
        await member.stop()
    three = consumer()
    await three.start()
    for partition in range(2):
        committed = await three.committed(TopicPartition(TOPIC, partition))
        assert (committed or 0) == ends.get(partition, 0), (committed, ends)
    await three.stop()
    print("aiokafka: ok")


asyncio.run(main())
