"""End to end, one broker in a process of its own, 1,000 messages a second without linger: how long from produce to poll.

    latency.py INFRALAB always|os FETCH_WAIT_MAX_MS

Needs confluent-kafka. It prints the median and the 99th percentile of 7,000 messages, and the load of the machine.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

MESSAGES, WARM, RATE = 8_000, 1_000, 1_000


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)


def measure(port, wait):
    address = {"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0}
    producer = Producer({**address, "linger.ms": 0, "acks": "all"})
    producer.produce("latency", b"0")
    producer.flush(10)
    consumer = Consumer({**address, "group.id": "latency", "fetch.wait.max.ms": wait})
    consumer.assign([TopicPartition("latency", 0, 1)])
    took = []

    def consume():
        until = time.monotonic() + 30
        while len(took) < MESSAGES and time.monotonic() < until:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None:
                took.append((time.perf_counter_ns() - int(message.value())) / 1e6)

    consumes = threading.Thread(target=consume)
    consumes.start()
    time.sleep(1)
    begun = time.perf_counter()
    for number in range(MESSAGES):
        time.sleep(max(0, begun + number / RATE - time.perf_counter()))
        producer.produce("latency", str(time.perf_counter_ns()).encode())
        producer.poll(0)
    producer.flush(10)
    consumes.join()
    return sorted(took[WARM:])


def main():
    infralab, flush, wait = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        serve = [infralab, "replicated-log", "serve", "--brokers", "1", "--flush", flush]
        serve += ["--listen", f"127.0.0.1:{port}", "--data", data]
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            took = measure(port, wait)
        finally:
            server.terminate()
            server.wait(20)
    assert len(took) == MESSAGES - WARM, f"{len(took)} arrived"
    p50, p99 = (took[len(took) * percent // 100] for percent in (50, 99))
    load = os.getloadavg()[0]
    print(f"--flush {flush}, fetch.wait.max.ms {wait}: p50 {p50:.3f} ms, p99 {p99:.3f} ms, load {load:.1f}")


main()
