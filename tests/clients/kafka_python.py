"""kafka-python: produces with each compression it has, and consumes in a group of two."""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.structs import OffsetAndMetadata

servers, suffix = sys.argv[1].split(","), sys.argv[2]
TOPIC = f"python-{suffix}"
COUNT = 100

admin = KafkaAdminClient(bootstrap_servers=servers)
admin.create_topics([NewTopic(TOPIC, num_partitions=3, replication_factor=3)])
admin.close()

kinds = [None, "gzip", "snappy", "lz4", "zstd"]
for kind in kinds:
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", compression_type=kind, linger_ms=5)
    sent = [producer.send(TOPIC, f"{kind}-{n}".encode() * 20, key=str(n % 5).encode()) for n in range(COUNT)]
    for one in sent:
        one.get(20)
    producer.close()
wanted = COUNT * len(kinds)


def consumer(group):
    return KafkaConsumer(
        TOPIC,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=6000,
    )


one, two = consumer("p1-" + suffix), consumer("p1-" + suffix)
seen, until = {}, time.time() + 60
while time.time() < until and (len(seen) < wanted or min(len(one.assignment()), len(two.assignment())) < 1):
    for member in (one, two):
        for records in member.poll(200).values():
            for record in records:
                seen[(record.partition, record.offset)] = record.value
assert len(seen) == wanted, f"{len(seen)} of {wanted} records were read"
assert len(one.assignment()) + len(two.assignment()) == 3, (one.assignment(), two.assignment())
ends = {}
for partition, offset in seen:
    ends[partition] = max(ends.get(partition, 0), offset + 1)
for member in (one, two):
    member.commit({p: OffsetAndMetadata(ends.get(p.partition, 0), "", -1) for p in member.assignment()})
one.close(autocommit=False)
two.close(autocommit=False)
three = consumer("p1-" + suffix)
for partition in range(3):
    assert three.committed(TopicPartition(TOPIC, partition)) == ends.get(partition, 0)
three.close(autocommit=False)
print("kafka-python: ok")
