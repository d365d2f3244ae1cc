package samsa.interop;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes, through Kafka's own clients, the data that the storage fixtures show. One call writes one phase; the node is restarted between phases. */
public final class FixtureWriter {
    /** The CreateTime of the first record: long ago, so that a fixture does not depend on the day it was recorded. */
    static final long T0 = 1_700_000_000_000L;
    static final long MINUTE = 60_000L;
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    private final String bootstrap;
    private final Admin admin;

    private FixtureWriter(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws Exception {
        FixtureWriter w = new FixtureWriter(args[1]);
        switch (args[0]) {
            case "one" -> w.one();
            case "two" -> w.later("two", 1);
            case "three" -> w.later("three", 2);
            case "killed" -> w.killed();
            default -> throw new IllegalArgumentException("phase " + args[0]);
        }
        // No close: a closed transactional producer would abort the transaction that a fixture keeps open.
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    private void one() throws Exception {
        codecs();
        shapes();
        segments();
        appendTime();
        idempotent();
        transactions("txn");
        compacted();
        compactedTransactions();
        deletedRecords();
        epochs("one", 0);
        groups();
        openTransaction("txn-open", "fixture-open");
    }

    private void later(String phase, int n) throws Exception {
        epochs(phase, n);
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "true"))) {
            batch(p, "idempotent", T0 + (10 + n) * MINUTE, phase, 3);
        }
    }

    private void killed() throws Exception {
        Map<String, String> small = Map.of("segment.ms", "60000", "segment.index.bytes", "1024", "index.interval.bytes", "1", "retention.ms", "-1");
        topic("killed", 1, small);
        topic("killed-txn", 1, small);
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "true", "compression.type", "lz4"))) {
            for (int s = 0; s < 3; s++) {
                for (int b = 0; b < 4; b++) {
                    batch(p, "killed", T0 + s * 3_600_000L + b, "s" + s + "b" + b, 4);
                }
            }
        }
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("transactional.id", "killed-1"))) {
            p.initTransactions();
            for (int s = 0; s < 3; s++) {
                p.beginTransaction();
                batch(p, "killed-txn", T0 + s * 3_600_000L, "t" + s, 2);
                if (s == 1) {
                    p.abortTransaction();
                } else {
                    p.commitTransaction();
                }
            }
        }
        groups();
        openTransaction("killed-txn", "killed-2");
    }

    private void codecs() throws Exception {
        for (String codec : CODECS) {
            String topic = "codec-" + codec;
            topic(topic, 1, Map.of("retention.ms", "-1"));
            try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false", "compression.type", codec))) {
                for (int b = 0; b < 3; b++) {
                    batch(p, topic, T0 + b * 1000, codec + b, 4 + b * 4);
                }
            }
        }
        topic("codec-topic-zstd", 1, Map.of("retention.ms", "-1", "compression.type", "zstd"));
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false"))) {
            batch(p, "codec-topic-zstd", T0, "plain", 6);
        }
        topic("partitions", 3, Map.of("retention.ms", "-1"));
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of())) {
            for (int partition : new int[] {0, 2}) {
                p.send(new ProducerRecord<>("partitions", partition, T0 + partition, bytes("k"), bytes("v" + partition)));
                p.flush();
            }
        }
    }

    private void shapes() throws Exception {
        topic("shapes", 1, Map.of("retention.ms", "-1"));
        byte[] all = new byte[256];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) i;
        }
        RecordHeaders headers = new RecordHeaders();
        headers.add("plain", bytes("x")).add("twice", bytes("1")).add("twice", bytes("2")).add("null", null).add("empty", new byte[0]);
        headers.add("", bytes("empty name")).add("\u00fcml\u00e4ut-\u732b", all);
        RecordHeaders none = new RecordHeaders();
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false"))) {
            byte[][] choices = {null, new byte[0], bytes("text"), all};
            int n = 0;
            for (byte[] key : choices) {
                for (byte[] value : choices) {
                    p.send(new ProducerRecord<>("shapes", 0, T0 + n, key, value, n % 3 == 0 ? headers : none));
                    n++;
                }
                p.flush();
            }
            p.send(new ProducerRecord<>("shapes", 0, 0L, bytes("timestamp"), bytes("zero"), none));
            p.send(new ProducerRecord<>("shapes", 0, T0 - 1_000_000, bytes("timestamp"), bytes("back in time"), none));
            p.flush();
        }
    }

    private void segments() throws Exception {
        topic("segments", 1, Map.of("retention.ms", "-1", "segment.ms", "60000", "index.interval.bytes", "1"));
        int[] jitter = {0, 7, 3};
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false"))) {
            for (int s = 0; s < 4; s++) {
                for (int b = 0; b < 3; b++) {
                    long base = T0 + s * 3_600_000L + jitter[b] * 1000;
                    for (int r = 0; r < 3; r++) {
                        p.send(new ProducerRecord<>("segments", 0, base + jitter[r], bytes("k" + r), bytes("s" + s + "b" + b + "r" + r)));
                    }
                    p.flush();
                }
            }
        }
    }

    private void appendTime() throws Exception {
        topic("append-time", 1, Map.of("retention.ms", "-1", "message.timestamp.type", "LogAppendTime"));
        for (String codec : new String[] {"none", "gzip", "zstd"}) {
            try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false", "compression.type", codec))) {
                batch(p, "append-time", T0, codec, 3);
            }
        }
    }

    private void idempotent() throws Exception {
        topic("idempotent", 1, Map.of("retention.ms", "-1", "segment.ms", "60000"));
        Map<String, String> conf = Map.of("enable.idempotence", "true");
        try (KafkaProducer<byte[], byte[]> a = producer(conf); KafkaProducer<byte[], byte[]> b = producer(conf)) {
            for (int i = 0; i < 7; i++) {
                batch(a, "idempotent", T0 + (i / 3) * 10 * MINUTE + i, "a" + i, 2);
                if (i % 2 == 0) {
                    batch(b, "idempotent", T0 + (i / 3) * 10 * MINUTE + i, "b" + i, 3);
                }
            }
        }
    }

    private void transactions(String topic) throws Exception {
        topic(topic, 1, Map.of("retention.ms", "-1", "segment.ms", "60000", "index.interval.bytes", "1"));
        try (KafkaProducer<byte[], byte[]> a = producer(Map.of("transactional.id", topic + "-a"));
                KafkaProducer<byte[], byte[]> b = producer(Map.of("transactional.id", topic + "-b", "compression.type", "snappy"));
                KafkaProducer<byte[], byte[]> plain = producer(Map.of())) {
            a.initTransactions();
            b.initTransactions();
            long now = System.currentTimeMillis(); // markers carry the broker's clock, and a segment rolls by the distance of its timestamps
            for (int round = 0; round < 3; round++) {
                long t = now + round * 10 * MINUTE;
                a.beginTransaction();
                b.beginTransaction();
                batch(a, topic, t, "a" + round, 2);
                batch(b, topic, t + 1, "b" + round, 2);
                batch(plain, topic, t + 2, "p" + round, 1);
                batch(a, topic, t + 3, "A" + round, 1);
                if (round == 1) {
                    a.commitTransaction();
                    b.abortTransaction();
                } else {
                    b.commitTransaction();
                    a.abortTransaction();
                }
            }
        }
    }

    private void openTransaction(String topic, String id) throws Exception {
        topic(topic, 1, Map.of("retention.ms", "-1"));
        KafkaProducer<byte[], byte[]> p = producer(Map.of("transactional.id", id, "transaction.timeout.ms", "900000"));
        p.initTransactions();
        p.beginTransaction();
        batch(p, topic, T0 + 3 * 3_600_000L, "open", 3);
    }

    private static final Map<String, String> COMPACT = Map.of("cleanup.policy", "compact", "segment.ms", "60000", "min.cleanable.dirty.ratio", "0.001",
            "delete.retention.ms", "315360000000", "file.delete.delay.ms", "0", "index.interval.bytes", "1");

    private void compacted() throws Exception {
        topic("compacted", 1, COMPACT);
        Map<String, String> conf = Map.of("enable.idempotence", "true");
        Map<String, String> gzip = Map.of("enable.idempotence", "true", "compression.type", "gzip");
        try (KafkaProducer<byte[], byte[]> first = producer(conf); KafkaProducer<byte[], byte[]> second = producer(gzip)) {
            keys(first, "compacted", T0, "v1", 0, 1, 2, 3, 4);
            keys(first, "compacted", T0 + 1, "v1", 5, 6, 7, 8, 9);
            keys(second, "compacted", T0 + 10 * MINUTE, "v2", 0, 1, 2, 3, 4, 5, 6, 7, 8);
            keys(second, "compacted", T0 + 10 * MINUTE + 1, "v2", 9, 10, 11);
            keys(second, "compacted", T0 + 20 * MINUTE, null, 3, 4);
            keys(second, "compacted", T0 + 20 * MINUTE + 1, "v3", 0, 5, 11);
            keys(second, "compacted", T0 + 30 * MINUTE, "v4", 99);
        }
        awaitCompaction("compacted");
    }

    private void compactedTransactions() throws Exception {
        topic("compacted-txn", 1, COMPACT);
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("transactional.id", "compacted-txn"))) {
            p.initTransactions();
            for (int round = 0; round < 4; round++) {
                p.beginTransaction();
                keys(p, "compacted-txn", T0 + round * 10 * MINUTE, "r" + round, round, 50);
                if (round == 1) {
                    p.abortTransaction();
                } else {
                    p.commitTransaction();
                }
            }
        }
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of())) {
            keys(p, "compacted-txn", System.currentTimeMillis(), "last", 98);
            keys(p, "compacted-txn", System.currentTimeMillis() + 2 * MINUTE, "last", 99);
        }
        awaitCompaction("compacted-txn");
    }

    private void deletedRecords() throws Exception {
        topic("deleted-records", 1, Map.of("retention.ms", "-1", "segment.ms", "60000"));
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false"))) {
            for (int b = 0; b < 4; b++) {
                batch(p, "deleted-records", T0 + b * 10 * MINUTE, "b" + b, 5);
            }
        }
        admin.deleteRecords(Map.of(new TopicPartition("deleted-records", 0), RecordsToDelete.beforeOffset(7))).all().get();
    }

    private void epochs(String phase, int n) throws Exception {
        topic("epochs", 1, Map.of("retention.ms", "-1"));
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of("enable.idempotence", "false"))) {
            batch(p, "epochs", T0 + n * MINUTE, phase, 3);
        }
    }

    /** Commits of a classic group, of a KIP-848 group and of a consumer outside any group's membership; one group is deleted again. */
    private void groups() throws Exception {
        topic("grouped", 2, Map.of("retention.ms", "-1"));
        try (KafkaProducer<byte[], byte[]> p = producer(Map.of())) {
            for (int i = 0; i < 4; i++) {
                p.send(new ProducerRecord<>("grouped", i % 2, T0 + i, bytes("k"), bytes("v" + i)));
            }
        }
        for (String protocol : new String[] {"classic", "consumer"}) {
            try (KafkaConsumer<byte[], byte[]> c = consumer(Map.of("group.id", "group-" + protocol, "group.protocol", protocol))) {
                c.subscribe(List.of("grouped"));
                for (int seen = 0; seen < 4; ) {
                    seen += c.poll(Duration.ofMillis(200)).count();
                }
                c.commitSync(Map.of(new TopicPartition("grouped", 0), new OffsetAndMetadata(1, "a note"),
                        new TopicPartition("grouped", 1), new OffsetAndMetadata(2)));
            }
        }
        for (String group : new String[] {"group-simple", "group-deleted"}) {
            try (KafkaConsumer<byte[], byte[]> c = consumer(Map.of("group.id", group))) {
                c.assign(List.of(new TopicPartition("grouped", 0)));
                c.commitSync(Map.of(new TopicPartition("grouped", 0), new OffsetAndMetadata(1)));
            }
        }
        admin.deleteConsumerGroups(List.of("group-deleted")).all().get();
    }

    private void topic(String name, int partitions, Map<String, String> configs) throws Exception {
        if (admin.listTopics().names().get().contains(name)) {
            return;
        }
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(new HashMap<>(configs)))).all().get();
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, String> more) {
        Properties props = new Properties();
        props.put("bootstrap.servers", bootstrap);
        props.put("linger.ms", "30000"); // flush ends a batch, nothing else does
        props.put("batch.size", "1000000");
        props.put("delivery.timeout.ms", "120000");
        props.putAll(more);
        return new KafkaProducer<>(props, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(Map<String, String> more) {
        Properties props = new Properties();
        props.put("bootstrap.servers", bootstrap);
        props.put("auto.offset.reset", "earliest");
        props.put("enable.auto.commit", "false");
        props.putAll(more);
        return new KafkaConsumer<>(props, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static void batch(KafkaProducer<byte[], byte[]> p, String topic, long timestamp, String label, int records) throws Exception {
        List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
        for (int i = 0; i < records; i++) {
            sent.add(p.send(new ProducerRecord<>(topic, 0, timestamp + i, bytes("key-" + i), bytes(label + "-" + i))));
        }
        await(p, sent);
    }

    private static void keys(KafkaProducer<byte[], byte[]> p, String topic, long timestamp, String value, int... keys) throws Exception {
        List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
        for (int key : keys) {
            sent.add(p.send(new ProducerRecord<>(topic, 0, timestamp, bytes("k" + key), value == null ? null : bytes(value + "-" + key))));
        }
        await(p, sent);
    }

    private static void await(KafkaProducer<byte[], byte[]> p, List<java.util.concurrent.Future<?>> sent) throws Exception {
        p.flush();
        for (java.util.concurrent.Future<?> f : sent) {
            f.get();
        }
    }

    /** Waits until every key is there once: the cleaner has been here. The active segment, which it leaves alone, holds a key of its own. */
    private void awaitCompaction(String topic) throws Exception {
        long deadline = System.nanoTime() + 90_000_000_000L;
        while (true) {
            List<String> seen = new ArrayList<>();
            try (KafkaConsumer<byte[], byte[]> c = consumer(Map.of())) {
                TopicPartition tp = new TopicPartition(topic, 0);
                c.assign(List.of(tp));
                c.seekToBeginning(List.of(tp));
                long end = c.endOffsets(List.of(tp)).get(tp);
                while (c.position(tp) < end) {
                    for (ConsumerRecord<byte[], byte[]> r : c.poll(Duration.ofMillis(200))) {
                        seen.add(new String(r.key(), StandardCharsets.UTF_8));
                    }
                }
            }
            Set<String> distinct = new TreeSet<>(seen);
            if (distinct.size() == seen.size()) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(topic + " is not compacted: " + seen);
            }
            Thread.sleep(300);
        }
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }
}
