package samsa.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client behind the suite's operations: a JSON request a line on standard input, an answer a line on standard output. */
public final class ClientAdapter {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final String bootstrap;
    private final Admin admin;
    private KafkaConsumer<byte[], byte[]> reader;
    private final ArrayDeque<ConsumerRecord<byte[], byte[]>> left = new ArrayDeque<>();

    private ClientAdapter(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws IOException {
        ClientAdapter adapter = new ClientAdapter(args[args.length - 1]);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                adapter.run(JSON.readTree(line), answer);
            } catch (Exception e) {
                answer.removeAll();
                answer.put("error", String.valueOf(e instanceof ExecutionException ? e.getCause() : e));
            }
            out.println(JSON.writeValueAsString(answer));
            out.flush();
        }
        adapter.close();
        adapter.admin.close(Duration.ofSeconds(1));
    }

    private void run(JsonNode r, ObjectNode answer) throws Exception {
        String topic = r.path("topic").asText();
        switch (r.get("op").asText()) {
            case "topics" -> {
                ArrayNode names = answer.putArray("topics");
                admin.listTopics().names().get().forEach(names::add);
            }
            case "partitions" -> answer.put("n", admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size());
            case "create" -> create(r, topic);
            case "delete" -> admin.deleteTopics(List.of(topic)).all().get();
            case "produce" -> produce(r, topic, answer.putArray("offsets"));
            case "offset" -> answer.put("n", offset(r, topic));
            case "open" -> open(r, topic);
            case "next" -> next(r, answer.putArray("records"));
            case "close" -> close();
            default -> answer.put("unsupported", "no operation " + r.get("op"));
        }
    }

    private void create(JsonNode r, String topic) throws Exception {
        Map<String, String> configs = new HashMap<>();
        r.path("configs").fields().forEachRemaining(e -> configs.put(e.getKey(), e.getValue().asText()));
        admin.createTopics(List.of(new NewTopic(topic, r.get("partitions").asInt(), (short) 1).configs(configs))).all().get();
    }

    private void produce(JsonNode r, String topic, ArrayNode offsets) throws Exception {
        Properties props = new Properties();
        props.put("bootstrap.servers", bootstrap);
        props.put("acks", r.path("acks").asText());
        props.put("enable.idempotence", r.path("idempotent").asBoolean() ? "true" : "false");
        props.put("compression.type", r.path("codec").asText("none"));
        props.put("linger.ms", "50");
        props.put("batch.size", "200000");
        props.put("delivery.timeout.ms", "30000");
        props.put("request.timeout.ms", "15000");
        try (KafkaProducer<byte[], byte[]> p = new KafkaProducer<>(props, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonNode n : r.get("records")) {
                long timestamp = n.path("timestamp").asLong();
                List<Header> headers = new ArrayList<>();
                for (JsonNode h : n.path("headers")) {
                    headers.add(new RecordHeader(h.get("key").asText(), h.get("value").binaryValue()));
                }
                sent.add(p.send(new ProducerRecord<>(topic, n.path("partition").asInt(), timestamp == 0 ? null : timestamp, n.get("key").binaryValue(),
                        n.get("value").binaryValue(), headers)));
            }
            p.flush();
            for (Future<RecordMetadata> f : sent) {
                offsets.add(f.get().hasOffset() ? f.get().offset() : -1);
            }
        }
    }

    private long offset(JsonNode r, String topic) {
        TopicPartition tp = new TopicPartition(topic, r.get("partition").asInt());
        JsonNode from = r.get("from");
        try (KafkaConsumer<byte[], byte[]> c = consumer()) {
            return switch (from.get("at").asText()) {
                case "earliest" -> c.beginningOffsets(List.of(tp)).get(tp);
                case "latest" -> c.endOffsets(List.of(tp)).get(tp);
                case "time" -> {
                    OffsetAndTimestamp found = c.offsetsForTimes(Map.of(tp, from.get("time").asLong())).get(tp);
                    yield found == null ? -1 : found.offset();
                }
                default -> throw new IllegalArgumentException("offset at " + from);
            };
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Properties props = new Properties();
        props.put("bootstrap.servers", bootstrap);
        props.put("enable.auto.commit", "false");
        props.put("auto.offset.reset", "none");
        props.put("max.partition.fetch.bytes", "4000000");
        return new KafkaConsumer<>(props, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void open(JsonNode r, String topic) {
        close();
        TopicPartition tp = new TopicPartition(topic, r.get("partition").asInt());
        JsonNode from = r.get("from");
        reader = consumer();
        reader.assign(List.of(tp));
        switch (from.get("at").asText()) {
            case "earliest" -> reader.seekToBeginning(List.of(tp));
            case "latest" -> reader.seekToEnd(List.of(tp));
            case "time" -> {
                OffsetAndTimestamp found = reader.offsetsForTimes(Map.of(tp, from.get("time").asLong())).get(tp);
                if (found == null) {
                    reader.seekToEnd(List.of(tp));
                } else {
                    reader.seek(tp, found.offset());
                }
            }
            default -> reader.seek(tp, from.get("offset").asLong());
        }
        reader.position(tp);
    }

    private void next(JsonNode r, ArrayNode out) {
        int count = r.get("count").asInt();
        long deadline = System.nanoTime() + r.get("timeoutMs").asLong() * 1_000_000;
        while (left.size() < count && System.nanoTime() < deadline) {
            reader.poll(Duration.ofMillis(100)).forEach(left::add);
        }
        for (int i = 0; i < count && !left.isEmpty(); i++) {
            ConsumerRecord<byte[], byte[]> c = left.remove();
            ObjectNode n = out.addObject().put("partition", c.partition()).put("offset", c.offset()).put("timestamp", c.timestamp());
            n.put("key", c.key()).put("value", c.value());
            ArrayNode headers = n.putArray("headers");
            for (Header h : c.headers()) {
                headers.addObject().put("key", h.key()).put("value", h.value());
            }
        }
    }

    private void close() {
        left.clear();
        if (reader != null) {
            reader.close(org.apache.kafka.clients.consumer.CloseOptions.timeout(Duration.ofSeconds(1)));
            reader = null;
        }
    }
}
