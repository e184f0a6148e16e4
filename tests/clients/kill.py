"""A leader is killed with SIGKILL under a client that produces: nothing that was acknowledged is lost, and the
longest time without an acknowledgement is printed.

    python kill.py ROUNDS COMMAND...

COMMAND serves one node of a cluster, with --node N --cluster FILE behind it.
"""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaProducer

rounds, command = int(sys.argv[1]), sys.argv[2:]
folder = Path(tempfile.mkdtemp(prefix="log-kill-"))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


ports = {node: (free_port(), free_port()) for node in (1, 2, 3)}
cluster = folder / "cluster.toml"
cluster.write_text(
    'system = "replicated-log"\n'
    + "".join(
        f"[[node]]\nid = {node}\ndata = \"n{node}\"\n"
        f'addresses = {{ nodes = "127.0.0.1:{nodes}", clients = "127.0.0.1:{clients}" }}\n'
        for node, (nodes, clients) in ports.items()
    )
)
running = {}


def start(node):
    running[node] = subprocess.Popen(
        [*command, "--node", str(node), "--cluster", str(cluster)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stop_all():
    for process in running.values():
        process.send_signal(signal.SIGINT)
    for process in running.values():
        process.wait(10)


servers = ",".join(f"127.0.0.1:{clients}" for _, clients in ports.values())
try:
    for node in ports:
        start(node)
    admin = AdminClient({"bootstrap.servers": servers})
    until = time.time() + 30
    while len(admin.list_topics(timeout=5).brokers) < 3:
        assert time.time() < until, "three brokers are not there"
        time.sleep(0.1)
    admin.create_topics([NewTopic("kept", 1, 3)])["kept"].result(20)
    acknowledged, gap, last = set(), 0.0, time.monotonic()

    def delivered(value, metadata):
        global gap, last
        now = time.monotonic()
        gap, last = max(gap, now - last), now
        acknowledged.add((metadata.offset, value))

    # librdkafka looks for a new leader once a second, whatever it is told.
    producer = KafkaProducer(
        bootstrap_servers=servers.split(","),
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        retry_backoff_ms=20,
        reconnect_backoff_ms=20,
        reconnect_backoff_max_ms=100,
        delivery_timeout_ms=60_000,
    )
    number = 0

    def produce_for(seconds):
        global number
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sent = producer.send("kept", str(number).encode())
            sent.add_callback(partial(delivered, number))
            number += 1
            time.sleep(0.002)

    produce_for(2)
    gaps = []
    for _ in range(rounds):
        leader = admin.list_topics("kept", timeout=5).topics["kept"].partitions[0].leader - 100
        gap, last = 0.0, time.monotonic()
        running[leader].kill()
        running[leader].wait()
        produce_for(3)
        gaps.append(gap)
        start(leader)
        produce_for(3)
    producer.flush(30)
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "audit", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    _, end = consumer.get_watermark_offsets(TopicPartition("kept", 0), timeout=10)
    read, until = {}, time.time() + 30
    while len(read) < end and time.time() < until:
        for message in consumer.consume(500, 0.5):
            assert not message.error(), message.error()
            assert message.offset() not in read, "an offset was read twice"
            read[message.offset()] = int(message.value())
    consumer.close()
    lost = [one for one in acknowledged if read.get(one[0]) != one[1]]
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged records are lost: {sorted(lost)[:5]}"
    assert len(set(read.values())) == len(read), "a record was appended twice"
    longest = max(gaps)
    shown = ", ".join(f"{gap * 1000:.0f}" for gap in gaps)
    assert longest < 2, f"nobody was acknowledged for so long, in ms: {shown}"
    print(f"kill -9 of the leader: {len(acknowledged)} records kept; without an acknowledgement for {shown} ms")
finally:
    stop_all()
