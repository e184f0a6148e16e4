import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Apache's own client: administers, produces idempotently with each compression, and consumes in a group of two; then
 * the process that leads a partition is killed with SIGKILL under a producer, and nothing acknowledged is lost.
 *
 * <pre>java -cp 'JARS/*' ApacheClient.java SERVERS SUFFIX PROCESS-OF-101 PROCESS-OF-102 PROCESS-OF-103</pre>
 */
public class ApacheClient {
    static final int COUNT = 200;
    static String servers;
    static String suffix;

    public static void main(String[] arguments) throws Exception {
        servers = arguments[0];
        suffix = arguments[1];
        try (var admin = Admin.create(Map.<String, Object>of("bootstrap.servers", servers))) {
            administers(admin);
            produces();
            consumes(admin);
            isToldOfNoTransactions();
            System.out.println("Apache's client: ok");
            Map<Integer, Long> processes = new HashMap<>();
            for (int node = 1; node <= 3; node++) {
                processes.put(100 + node, Long.parseLong(arguments[1 + node]));
            }
            survivesKill(admin, processes);
        }
    }

    // What an administrator does.

    static void administers(Admin admin) throws Exception {
        var cluster = admin.describeCluster();
        that(cluster.nodes().get().size() == 3, "three brokers are there: " + cluster.nodes().get());
        that(!cluster.clusterId().get().isEmpty(), "the cluster has an id");
        that(cluster.controller().get().id() > 100, "a broker speaks for the controllers");

        var made = new NewTopic(topic("made"), 2, (short) 3).configs(Map.of("segment.bytes", "1048576"));
        admin.createTopics(List.of(made)).all().get();
        refused(TopicExistsException.class, admin.createTopics(List.of(made)).all());
        that(describe(admin, "made").partitions().size() == 2, "it has two partitions");
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic("made"));
        var configs = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        that(configs.get("segment.bytes").value().equals("1048576"), "it has its setting: " + configs);
        that(configs.get("min.insync.replicas").value().equals("2"), "and the broker's defaults: " + configs);
        var broker = new ConfigResource(ConfigResource.Type.BROKER, "101");
        admin.describeConfigs(List.of(broker)).all().get();
        admin.createPartitions(Map.of(topic("made"), NewPartitions.increaseTo(4))).all().get();
        for (var partition : describe(admin, "made").partitions()) {
            that(partition.replicas().size() == 3, "each partition has three replicas: " + partition);
        }
        that(describe(admin, "made").partitions().size() == 4, "it has four partitions");

        admin.createTopics(List.of(new NewTopic(topic("gone"), 1, (short) 3))).all().get();
        that(admin.listTopics().names().get().contains(topic("gone")), "it is listed");
        admin.deleteTopics(List.of(topic("gone"))).all().get();
        refused(UnknownTopicOrPartitionException.class, admin.describeTopics(List.of(topic("gone"))).allTopicNames());
    }

    static TopicDescription describe(Admin admin, String which) throws Exception {
        return admin.describeTopics(List.of(topic(which))).allTopicNames().get().get(topic(which));
    }

    // Records, with each compression.

    static final List<String> KINDS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final int WANTED = COUNT * KINDS.size();

    static void produces() throws Exception {
        for (String kind : KINDS) {
            try (var producer = producer(Map.of("compression.type", kind, "linger.ms", 5))) {
                var sent = new ArrayList<Future<RecordMetadata>>();
                for (int number = 0; number < COUNT; number++) {
                    String value = (kind + "-" + number).repeat(20);
                    sent.add(producer.send(new ProducerRecord<>(topic("made"), "" + number % 7, value)));
                }
                for (var one : sent) {
                    that(one.get().hasOffset(), "each is acknowledged with its offset");
                }
            }
        }
    }

    static KafkaProducer<String, String> producer(Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(more);
        config.put("bootstrap.servers", servers);
        return new KafkaProducer<>(config, new StringSerializer(), new StringSerializer());
    }

    // A group: two share the partitions, one leaves, and a third goes on from what was committed.

    static void consumes(Admin admin) throws Exception {
        Set<String> seen = new HashSet<>();
        Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
        try (var one = consumer(); var two = consumer()) {
            one.subscribe(List.of(topic("made")));
            two.subscribe(List.of(topic("made")));
            until("two members share the partitions, and read all", () -> {
                read(one, seen, ends);
                read(two, seen, ends);
                return seen.size() == WANTED && one.assignment().size() == 2 && two.assignment().size() == 2;
            });
            var described = admin.describeConsumerGroups(List.of(group())).all().get().get(group());
            that(described.members().size() == 2, "a group of two is described: " + described);
            for (var member : List.of(one, two)) {
                var own = new HashMap<>(ends);
                own.keySet().retainAll(member.assignment());
                member.commitSync(own);
            }
            two.close();
            Set<String> later = new HashSet<>();
            until("who stays is given what the other had", () -> {
                read(one, later, ends);
                return one.assignment().size() == 4;
            });
            that(later.isEmpty(), "what was committed is not read again: " + later);
            long kept = one.endOffsets(one.assignment()).values().stream().mapToLong(it -> it).sum();
            that(kept == WANTED, "each record was appended once: " + kept);
        }
        that(committed(admin).equals(offsets(ends)), "what was committed is kept: " + committed(admin) + ends);
        boolean isListed = admin.listGroups().all().get().stream().anyMatch(it -> it.groupId().equals(group()));
        that(isListed, "the group is listed");
        // An administrator moves it back by ten records; a group without members lets that happen.
        var part = ends.keySet().iterator().next();
        var before = new OffsetAndMetadata(ends.get(part).offset() - 10);
        admin.alterConsumerGroupOffsets(group(), Map.of(part, before)).all().get();
        List<Long> again = new ArrayList<>();
        try (var three = consumer()) {
            three.subscribe(List.of(topic("made")));
            until("who comes later goes on from what was committed", () -> {
                for (ConsumerRecord<String, String> record : three.poll(Duration.ofMillis(100))) {
                    that(new TopicPartition(record.topic(), record.partition()).equals(part), "it is of " + part);
                    again.add(record.offset());
                }
                return again.size() >= 10;
            });
        }
        that(again.size() == 10 && again.get(0) == before.offset(), "ten are read again: " + again);
        times(admin, part);
    }

    static void times(Admin admin, TopicPartition part) throws Exception {
        var first = admin.listOffsets(Map.of(part, OffsetSpec.earliest())).partitionResult(part).get();
        var all = admin.listOffsets(Map.of(part, OffsetSpec.forTimestamp(1))).partitionResult(part).get();
        var none = admin.listOffsets(Map.of(part, OffsetSpec.forTimestamp(Long.MAX_VALUE))).partitionResult(part).get();
        that(first.offset() == 0 && all.offset() == 0 && none.offset() == -1, "offsets by time: " + first + all + none);
    }

    static KafkaConsumer<String, String> consumer() {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", servers);
        config.put("group.id", group());
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", false);
        config.put("session.timeout.ms", 6000);
        config.put("heartbeat.interval.ms", 300);
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    static void read(
        KafkaConsumer<String, String> from, Set<String> seen, Map<TopicPartition, OffsetAndMetadata> ends) {
        for (ConsumerRecord<String, String> record : from.poll(Duration.ofMillis(50))) {
            seen.add(record.partition() + ":" + record.offset() + " " + record.value());
            var part = new TopicPartition(record.topic(), record.partition());
            ends.put(part, new OffsetAndMetadata(record.offset() + 1));
        }
    }

    static Map<TopicPartition, Long> committed(Admin admin) throws Exception {
        return offsets(admin.listConsumerGroupOffsets(group()).partitionsToOffsetAndMetadata().get());
    }

    static Map<TopicPartition, Long> offsets(Map<TopicPartition, OffsetAndMetadata> found) {
        return found.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey, it -> it.getValue().offset()));
    }

    static void isToldOfNoTransactions() {
        try (var producer = producer(Map.of("transactional.id", "apache"))) {
            producer.initTransactions();
        } catch (TransactionalIdAuthorizationException expected) {
            return;
        }
        throw new AssertionError("there are no transactions, and nobody says so");
    }

    // A leader dies under a producer.

    static void survivesKill(Admin admin, Map<Integer, Long> processes) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic("kept"), 1, (short) 3))).all().get();
        Map<Long, String> acknowledged = new ConcurrentHashMap<>();
        var failed = new AtomicReference<Exception>();
        AtomicLong last = new AtomicLong(System.nanoTime());
        AtomicLong gap = new AtomicLong();
        // One that fails is not sent again by anybody: the client itself has to last.
        try (var producer = producer(Map.of("linger.ms", 0, "retry.backoff.ms", 20, "reconnect.backoff.ms", 20))) {
            int leader = describe(admin, "kept").partitions().get(0).leader().id();
            long began = System.nanoTime();
            boolean killed = false;
            for (int number = 0; System.nanoTime() - began < 4_000_000_000L; number++) {
                if (!killed && System.nanoTime() - began > 1_000_000_000L) {
                    that(!acknowledged.isEmpty(), "it produces before the leader dies");
                    gap.set(0);
                    ProcessHandle.of(processes.get(leader)).orElseThrow().destroyForcibly();
                    killed = true;
                }
                String value = "" + number;
                producer.send(new ProducerRecord<>(topic("kept"), value), (metadata, error) -> {
                    if (error != null) {
                        failed.set(error);
                        return;
                    }
                    acknowledged.put(metadata.offset(), value);
                    long now = System.nanoTime();
                    gap.accumulateAndGet(now - last.getAndSet(now), Math::max);
                });
                Thread.sleep(2);
            }
            producer.flush();
            that(failed.get() == null, "all are acknowledged in the end: " + failed.get());
            int next = describe(admin, "kept").partitions().get(0).leader().id();
            that(next != leader, "somebody else leads: " + next);
        }
        Map<Long, String> kept = readAll(new TopicPartition(topic("kept"), 0));
        that(kept.equals(new TreeMap<>(acknowledged)), "what was acknowledged is there, once, and nothing else");
        System.out.printf(
            "Apache's client, kill -9 of the leader: %d records kept; without an acknowledgement for %d ms%n",
            kept.size(), gap.get() / 1_000_000);
    }

    static Map<Long, String> readAll(TopicPartition part) throws Exception {
        Map<Long, String> read = new TreeMap<>();
        try (var consumer = consumer()) {
            consumer.assign(List.of(part));
            consumer.seekToBeginning(List.of(part));
            long end = consumer.endOffsets(List.of(part)).get(part);
            until("everything is read", () -> {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    read.put(record.offset(), record.value());
                }
                return read.size() >= end;
            });
        }
        return read;
    }

    // Small things.

    static String topic(String which) {
        return "apache-" + which + "-" + suffix;
    }

    static String group() {
        return "apache-" + suffix;
    }

    static void that(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("not so: " + what);
        }
    }

    static void refused(Class<? extends Exception> with, KafkaFuture<?> asked) throws InterruptedException {
        try {
            asked.get();
        } catch (ExecutionException why) {
            that(with.isInstance(why.getCause()), "refused with " + with + ": " + why.getCause());
            return;
        }
        throw new AssertionError("not refused with " + with);
    }

    interface Look {
        boolean isSo() throws Exception;
    }

    static void until(String what, Look look) throws Exception {
        long end = System.nanoTime() + 30_000_000_000L;
        while (!look.isSo()) {
            that(System.nanoTime() < end, what + ", within 30 s");
        }
    }
}
