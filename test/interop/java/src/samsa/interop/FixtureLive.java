package samsa.interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Writes as JSON what the running node tells of every partition: its records as a consumer sees them, its offsets, and answers to questions by time. */
public final class FixtureLive {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int LOOKUPS = 40;

    private FixtureLive() {
    }

    public static void main(String[] args) throws Exception {
        ObjectNode out = JSON.createObjectNode();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]));
                KafkaConsumer<byte[], byte[]> all = consumer(args[0], "read_uncommitted");
                KafkaConsumer<byte[], byte[]> committed = consumer(args[0], "read_committed")) {
            var names = admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
            for (TopicDescription t : admin.describeTopics(new TreeSet<>(names)).allTopicNames().get().values()) {
                for (TopicPartitionInfo p : t.partitions()) {
                    TopicPartition tp = new TopicPartition(t.name(), p.partition());
                    ObjectNode o = out.putObject(tp.toString()).put("topicId", t.topicId().toString());
                    partition(o, tp, admin, all, committed);
                }
            }
        }
        JSON.writeValue(new File(args[1]), out);
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String isolation) {
        Properties props = new Properties();
        props.put("bootstrap.servers", bootstrap);
        props.put("isolation.level", isolation);
        props.put("enable.auto.commit", "false");
        return new KafkaConsumer<>(props, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static void partition(ObjectNode o, TopicPartition tp, Admin admin, KafkaConsumer<byte[], byte[]> all,
            KafkaConsumer<byte[], byte[]> committed) throws Exception {
        o.put("logStartOffset", all.beginningOffsets(List.of(tp)).get(tp));
        o.put("highWatermark", all.endOffsets(List.of(tp)).get(tp));
        o.put("lastStableOffset", committed.endOffsets(List.of(tp)).get(tp));
        ListOffsetsResultInfo max = admin.listOffsets(Map.of(tp, OffsetSpec.maxTimestamp())).partitionResult(tp).get();
        o.putArray("maxTimestamp").add(max.timestamp()).add(max.offset());
        ArrayNode records = o.putArray("records");
        TreeSet<Long> times = new TreeSet<>();
        for (ConsumerRecord<byte[], byte[]> r : read(all, tp)) {
            ObjectNode n = records.addObject().put("offset", r.offset()).put("timestamp", r.timestamp()).put("key", r.key()).put("value", r.value());
            if (r.headers().toArray().length > 0) {
                n.set("headers", FixtureReader.headers(r.headers().toArray()));
            }
            n.put("timestampType", r.timestampType().name);
            times.add(r.timestamp());
            times.add(r.timestamp() + 1);
        }
        ArrayNode visible = o.putArray("readCommitted");
        for (ConsumerRecord<byte[], byte[]> r : read(committed, tp)) {
            visible.add(r.offset());
        }
        ArrayNode answers = o.putArray("offsetsForTimes");
        for (long t : times) {
            if (answers.size() == LOOKUPS || tp.topic().startsWith("__")) {
                break;
            }
            OffsetAndTimestamp found = all.offsetsForTimes(new HashMap<>(Map.of(tp, t))).get(tp);
            answers.addArray().add(t).add(found == null ? -1 : found.offset()).add(found == null ? -1 : found.timestamp());
        }
    }

    private static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> c, TopicPartition tp) {
        List<ConsumerRecord<byte[], byte[]>> list = new ArrayList<>();
        c.assign(List.of(tp));
        c.seekToBeginning(List.of(tp));
        long end = c.endOffsets(List.of(tp)).get(tp);
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (c.position(tp) < end) {
            c.poll(Duration.ofMillis(200)).forEach(list::add);
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(tp + " stands at " + c.position(tp) + " of " + end);
            }
        }
        return list;
    }
}
