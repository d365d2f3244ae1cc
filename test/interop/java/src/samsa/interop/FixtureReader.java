package samsa.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.message.AbortedTxn;
import org.apache.kafka.common.metadata.MetadataJsonConverters;
import org.apache.kafka.common.metadata.MetadataRecordType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecordSerde;
import org.apache.kafka.coordinator.group.GroupCoordinatorRecordSerde;
import org.apache.kafka.coordinator.transaction.TransactionCoordinatorRecordSerde;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;
import org.apache.kafka.storage.internals.log.BatchMetadata;
import org.apache.kafka.storage.internals.log.OffsetIndex;
import org.apache.kafka.storage.internals.log.OffsetPosition;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;
import org.apache.kafka.storage.internals.log.TimeIndex;
import org.apache.kafka.storage.internals.log.TimestampOffset;
import org.apache.kafka.storage.internals.log.TransactionIndex;

/**
 * Says, in one JSON file per partition folder, what Kafka's own classes find in the files, and compares it with what Kafka's consumer read from
 * the running node ({@link FixtureLive}). Arguments: data folder, output folder, file of FixtureLive.
 */
public final class FixtureReader {
    private static final ObjectMapper JSON = new ObjectMapper();
    private final String topic;
    private final File folder;

    private FixtureReader(File folder) {
        this.folder = folder;
        this.topic = folder.getName().substring(0, folder.getName().lastIndexOf('-'));
    }

    public static void main(String[] args) throws Exception {
        JsonNode live = JSON.readTree(new File(args[2]));
        File[] folders = new File(args[0]).listFiles(f -> f.isDirectory() && f.getName().matches(".*-[0-9]+"));
        Arrays.sort(folders);
        for (File folder : folders) {
            ObjectNode out = new FixtureReader(folder).read();
            JsonNode seen = live.get(folder.getName());
            if (seen != null) {
                compare(folder.getName(), out, (ArrayNode) seen.get("records"), seen.get("logStartOffset").asLong());
                out.set("live", ((ObjectNode) seen).deepCopy().without("records"));
            }
            Files.writeString(Path.of(args[1], folder.getName() + ".json"), layout(out));
        }
    }

    private ObjectNode read() throws Exception {
        ObjectNode out = JSON.createObjectNode();
        ArrayNode segments = out.putArray("segments");
        ArrayNode snapshots = JSON.createArrayNode();
        ArrayNode checkpoints = JSON.createArrayNode();
        File[] files = folder.listFiles();
        Arrays.sort(files);
        for (File f : files) {
            String name = f.getName();
            if (name.endsWith(".log")) {
                segments.add(segment(f));
            } else if (name.endsWith(".snapshot")) {
                snapshots.add(snapshot(f));
            } else if (name.endsWith(".checkpoint")) {
                ObjectNode c = checkpoints.addObject().put("file", name);
                c.set("batches", batches(f));
            }
        }
        out.set("producerSnapshots", snapshots);
        if (!checkpoints.isEmpty()) {
            out.set("metadataSnapshots", checkpoints);
        }
        return out;
    }

    private ObjectNode segment(File log) throws Exception {
        String stem = log.getName().substring(0, log.getName().indexOf('.'));
        long base = Long.parseLong(stem);
        ObjectNode s = JSON.createObjectNode().put("file", log.getName()).put("baseOffset", base).put("size", log.length());
        s.set("batches", batches(log));
        ArrayNode index = s.putArray("index");
        // A scratch copy: opening an index maps the file.
        File copy = copy(new File(folder, stem + ".index"));
        OffsetIndex offsets = new OffsetIndex(copy, base, -1, false);
        for (int i = 0; i < offsets.entries(); i++) {
            OffsetPosition e = offsets.entry(i);
            if (i > 0 && e.offset() == base) {
                break; // the preallocated rest
            }
            index.addArray().add(e.offset()).add(e.position());
        }
        offsets.close();
        ArrayNode times = s.putArray("timeIndex");
        TimeIndex time = new TimeIndex(copy(new File(folder, stem + ".timeindex")), base, -1, false);
        for (int i = 0; i < time.entries(); i++) {
            TimestampOffset e = time.entry(i);
            if (i > 0 && e.offset() == base) {
                break;
            }
            times.addArray().add(e.timestamp()).add(e.offset());
        }
        time.close();
        File txn = new File(folder, stem + ".txnindex");
        if (txn.exists()) {
            ArrayNode aborted = s.putArray("txnIndex");
            try (TransactionIndex t = new TransactionIndex(base, copy(txn))) {
                for (AbortedTxn a : t.allAbortedTxns()) {
                    aborted.addObject().put("producerId", a.producerId()).put("firstOffset", a.firstOffset()).put("lastOffset", a.lastOffset())
                            .put("lastStableOffset", a.lastStableOffset());
                }
            }
        }
        return s;
    }

    private static File copy(File f) throws Exception {
        Path dir = Files.createTempDirectory("fixture");
        Path to = dir.resolve(f.getName());
        Files.copy(f.toPath(), to);
        to.toFile().deleteOnExit();
        return to.toFile();
    }

    private ArrayNode batches(File f) throws Exception {
        ArrayNode list = JSON.createArrayNode();
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(f.toPath()));
        int position = 0;
        for (MutableRecordBatch m : MemoryRecords.readableRecords(bytes).batches()) {
            DefaultRecordBatch b = (DefaultRecordBatch) m;
            b.ensureValid();
            ObjectNode o = list.addObject();
            o.put("baseOffset", b.baseOffset()).put("lastOffset", b.lastOffset()).put("position", position).put("size", b.sizeInBytes());
            o.put("partitionLeaderEpoch", b.partitionLeaderEpoch()).put("crc", b.checksum()).put("codec", b.compressionType().name);
            o.put("timestampType", b.timestampType().name).put("transactional", b.isTransactional()).put("control", b.isControlBatch());
            b.deleteHorizonMs().ifPresent(h -> o.put("deleteHorizon", h));
            o.put("baseTimestamp", b.baseTimestamp()).put("maxTimestamp", b.maxTimestamp());
            o.put("producerId", b.producerId()).put("producerEpoch", b.producerEpoch()).put("baseSequence", b.baseSequence());
            o.put("lastSequence", b.lastSequence()).put("count", b.countOrNull());
            ArrayNode records = o.putArray("records");
            for (Record r : b) {
                records.add(record(b, r));
            }
            position += b.sizeInBytes();
        }
        if (position != bytes.capacity()) {
            throw new IllegalStateException(f + " ends with " + (bytes.capacity() - position) + " bytes that are no batch");
        }
        return list;
    }

    private ObjectNode record(DefaultRecordBatch b, Record r) throws Exception {
        ObjectNode o = JSON.createObjectNode().put("offset", r.offset()).put("timestamp", r.timestamp());
        o.put("key", r.hasKey() ? Utils.toArray(r.key()) : null);
        o.put("value", r.hasValue() ? Utils.toArray(r.value()) : null);
        if (r.headers().length > 0) {
            o.set("headers", headers(r.headers()));
        }
        if (b.isControlBatch()) {
            o.put("controlType", ControlRecordType.fromTypeId(ControlRecordType.parseTypeId(r.key())).name());
        } else if (topic.equals("__cluster_metadata")) {
            ApiMessageAndVersion m = MetadataRecordSerde.INSTANCE.read(new ByteBufferAccessor(r.value()), r.valueSize());
            ObjectNode d = o.putObject("decoded").put("type", MetadataRecordType.fromId(m.message().apiKey()).name()).put("version", m.version());
            d.set("data", MetadataJsonConverters.writeJson(m.message(), m.version()));
        } else if (topic.equals("__consumer_offsets")) {
            CoordinatorRecord c = deserialize(new GroupCoordinatorRecordSerde(), r);
            coordinator(o, c, org.apache.kafka.coordinator.group.generated.CoordinatorRecordJsonConverters.writeRecordKeyAsJson(c.key()),
                    c.value() == null ? null : org.apache.kafka.coordinator.group.generated.CoordinatorRecordJsonConverters
                            .writeRecordValueAsJson(c.value().message(), c.value().version()));
        } else if (topic.equals("__transaction_state")) {
            CoordinatorRecord c = deserialize(new TransactionCoordinatorRecordSerde(), r);
            coordinator(o, c, org.apache.kafka.coordinator.transaction.generated.CoordinatorRecordJsonConverters.writeRecordKeyAsJson(c.key()),
                    c.value() == null ? null : org.apache.kafka.coordinator.transaction.generated.CoordinatorRecordJsonConverters
                            .writeRecordValueAsJson(c.value().message(), c.value().version()));
        }
        return o;
    }

    private static CoordinatorRecord deserialize(CoordinatorRecordSerde serde, Record r) {
        return serde.deserialize(r.key(), r.hasValue() ? r.value() : null);
    }

    private static void coordinator(ObjectNode o, CoordinatorRecord c, JsonNode key, JsonNode value) {
        ObjectNode d = o.putObject("decoded").put("type", c.key().apiKey());
        d.set("key", key);
        if (value != null) {
            d.put("version", c.value().version());
            d.set("value", value);
        }
    }

    static ArrayNode headers(Header[] headers) {
        ArrayNode list = JSON.createArrayNode();
        for (Header h : headers) {
            list.addObject().put("key", h.key()).put("value", h.value());
        }
        return list;
    }

    private ObjectNode snapshot(File f) throws Exception {
        ObjectNode o = JSON.createObjectNode().put("file", f.getName());
        ArrayNode list = o.putArray("producers");
        for (ProducerStateEntry e : ProducerStateManager.readSnapshot(f)) {
            ObjectNode p = list.addObject().put("producerId", e.producerId()).put("producerEpoch", e.producerEpoch());
            BatchMetadata last = null;
            for (BatchMetadata m : e.batchMetadata()) {
                last = m;
            }
            p.put("lastSequence", last == null ? -1 : last.lastSeq()).put("lastOffset", last == null ? -1 : last.lastOffset());
            p.put("offsetDelta", last == null ? 0 : last.offsetDelta()).put("timestamp", e.lastTimestamp());
            p.put("coordinatorEpoch", e.coordinatorEpoch()).put("currentTxnFirstOffset", e.currentTxnFirstOffset().orElse(-1));
        }
        return o;
    }

    /** Compares the files with what the consumer saw: the same records but for control batches and those below the log start offset. */
    private static void compare(String name, ObjectNode files, ArrayNode consumed, long start) {
        List<JsonNode> want = new ArrayList<>();
        for (JsonNode s : files.get("segments")) {
            for (JsonNode b : s.get("batches")) {
                for (JsonNode r : b.get("records")) {
                    if (!b.get("control").asBoolean() && r.get("offset").asLong() >= start) {
                        ObjectNode copy = ((ObjectNode) r.deepCopy()).without("decoded");
                        want.add(copy.put("timestampType", b.get("timestampType").asText()));
                    }
                }
            }
        }
        for (int i = 0; i < Math.max(want.size(), consumed.size()); i++) {
            String a = i < want.size() ? want.get(i).toString() : "nothing";
            String b = i < consumed.size() ? consumed.get(i).toString() : "nothing";
            if (!a.equals(b)) {
                throw new IllegalStateException(name + " record " + i + ": the file has " + a + ", the consumer saw " + b);
            }
        }
    }

    /** One line a batch, so that a reader and a diff find their way. */
    private static String layout(ObjectNode out) throws Exception {
        String text = new String(JSON.writeValueAsBytes(out), StandardCharsets.UTF_8);
        return text.replace("{\"baseOffset\"", "\n  {\"baseOffset\"").replace("{\"file\"", "\n {\"file\"").replace(",\"index\":", ",\n  \"index\":")
                .replace("\"producerSnapshots\"", "\n\"producerSnapshots\"").replace("\"live\"", "\n\"live\"") + "\n";
    }
}
