"""confluent-kafka (librdkafka): produces with each compression, idempotently, and consumes in a group of two."""

import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

servers, suffix = sys.argv[1], sys.argv[2]
TOPIC = f"confluent-{suffix}"
COUNT = 200


def produce(compression):
    failed = []
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "compression.type": compression,
            "linger.ms": 5,
        }
    )
    for number in range(COUNT):
        producer.produce(
            TOPIC,
            key=str(number % 7),
            value=f"{compression}-{number}" + "x" * 200,
            on_delivery=lambda error, _: error and failed.append(error),
        )
    assert producer.flush(30) == 0, "not everything was acknowledged"
    assert not failed, failed[:3]


def consumer(group, **more):
    return Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
            **more,
        }
    )


def drain(consumers, wanted, seconds=40):
    seen, until = {}, time.time() + seconds
    while len(seen) < wanted and time.time() < until:
        for one in consumers:
            message = one.poll(0.2)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            seen[(message.partition(), message.offset())] = message.value()
    assert len(seen) == wanted, f"{len(seen)} of {wanted} records were read"
    return seen


admin = AdminClient({"bootstrap.servers": servers})
for future in admin.create_topics([NewTopic(TOPIC, 4, 3)]).values():
    future.result(20)
kinds = ["none", "gzip", "snappy", "lz4", "zstd"]
for kind in kinds:
    produce(kind)
wanted = COUNT * len(kinds)

# Two members share the partitions, and what they commit the next one goes on from.
one, two = consumer("g1-" + suffix), consumer("g1-" + suffix)
one.subscribe([TOPIC])
two.subscribe([TOPIC])
seen = drain([one, two], wanted)
until = time.time() + 20
while (len(one.assignment()), len(two.assignment())) != (2, 2) and time.time() < until:
    one.poll(0.2)
    two.poll(0.2)
assert (len(one.assignment()), len(two.assignment())) == (2, 2), "partitions were not shared"
ends = {}
for partition, offset in seen:
    ends[partition] = max(ends.get(partition, 0), offset + 1)
positions = [TopicPartition(TOPIC, partition, end) for partition, end in ends.items()]
one.commit(offsets=[p for p in positions if p.partition in {a.partition for a in one.assignment()}], asynchronous=False)
two.commit(offsets=[p for p in positions if p.partition in {a.partition for a in two.assignment()}], asynchronous=False)
one.close()
two.close()
three = consumer("g1-" + suffix)
committed = three.committed([TopicPartition(TOPIC, partition) for partition in range(4)], timeout=20)
assert {c.partition: c.offset for c in committed} == ends, (committed, ends)
three.subscribe([TOPIC])
until = time.time() + 6
while time.time() < until:
    assert three.poll(0.2) is None, "what was committed is read again"
three.close()

# Who wants transactions is told at once that there are none.
try:
    Producer({"bootstrap.servers": servers, "transactional.id": "confluent"}).init_transactions(20)
    assert False, "there are no transactions, and nobody says so"
except KafkaException as why:
    assert why.args[0].fatal() and "no transactions" in str(why), why
print("confluent-kafka: ok")
