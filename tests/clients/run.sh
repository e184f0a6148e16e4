#!/usr/bin/env bash
# People's own Kafka clients, against three broker processes: they produce with every compression, idempotently where
# they can, consume in groups, rebalance and commit; then a leader is killed under one that produces. It takes Python,
# kcat, Maven and a JDK, and gets the clients from their registries.
#
#     tests/clients/run.sh target/release/infralab
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

python3 -m venv "$scratch/python"
"$scratch/python/bin/pip" install --quiet --disable-pip-version-check \
    confluent-kafka==2.16.1 kafka-python==2.3.0 aiokafka==0.14.0 \
    python-snappy==0.7.3 lz4==4.4.5 zstandard==0.25.0 cramjam==2.14.0
python=$scratch/python/bin/python
mvn --quiet --batch-mode -Dstyle.color=never --file pom.xml dependency:copy-dependencies -DoutputDirectory="$scratch/java" </dev/null

port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
servers=
echo 'system = "replicated-log"' >"$scratch/cluster.toml"
for node in 1 2 3; do
    clients=$(port)
    printf '[[node]]\nid = %s\ndata = "n%s"\nzone = "z%s"\naddresses = { nodes = "127.0.0.1:%s", clients = "127.0.0.1:%s" }\n' \
        $node $node $node "$(port)" "$clients" >>"$scratch/cluster.toml"
    servers=$servers${servers:+,}127.0.0.1:$clients
done
for node in 1 2 3; do
    "$infralab" replicated-log serve --node $node --cluster "$scratch/cluster.toml" \
        >"$scratch/n$node.out" 2>"$scratch/n$node.err" &
    started+=($!)
done
for node in 1 2 3; do
    for _ in $(seq 300); do
        grep -q '^listening on 127' "$scratch/n$node.out" && break
        sleep 0.1
    done
    grep -q '^listening on 127' "$scratch/n$node.out" || { cat "$scratch/n$node.err" >&2; exit 1; }
done

# kcat links librdkafka 2.0.2, which sends batches uncompressed to a broker that announces Produce from 3 on.
plain=0
for kind in none gzip snappy lz4 zstd; do
    seq 500 | sed "s/^/$kind and the same again and again /" >"$scratch/sent"
    kcat -q -b "$servers" -P -t "kcat-$kind" -z $kind -X acks=all -l "$scratch/sent"
    kcat -q -b "$servers" -C -t "kcat-$kind" -o beginning -e >"$scratch/read"
    cmp "$scratch/sent" "$scratch/read"
    plain=$((plain + $(wc -c <"$scratch/sent")))
done
# What was compressed is kept as it came.
written=$(cat "$scratch"/n?/broker-*/disk/p* | wc -c)
sent=$((3 * plain))
[ "$written" -lt $((sent / 2)) ] || { echo "$written bytes are kept of $sent: not compressed" >&2; exit 1; }
# Of 500 batches nobody waits for, and the connection goes on: a broker answers none of them.
seq 500 >"$scratch/sent"
kcat -q -b "$servers" -P -t kcat-silent -X acks=0 -X linger.ms=0 -X batch.num.messages=1 -l "$scratch/sent"
for _ in $(seq 20); do
    kcat -q -b "$servers" -C -t kcat-silent -o beginning -e >"$scratch/read"
    cmp -s "$scratch/sent" "$scratch/read" && break
    sleep 0.5
done
cmp "$scratch/sent" "$scratch/read"
echo 'kcat: ok'
for client in confluent kafka_python aio; do
    timeout 180 "$python" $client.py "$servers" run
done
# The last one, for it kills a process.
timeout 180 java -cp "$scratch/java/*" ApacheClient.java "$servers" run "${started[@]}"
timeout 120 "$python" kill.py 3 "$infralab" replicated-log serve
