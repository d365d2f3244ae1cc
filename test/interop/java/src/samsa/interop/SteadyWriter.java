package samsa.interop;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Sends numbered records, idempotently, until its standard input ends; then flushes. Prints a line per acknowledgement, "A n partition offset", a line
 * per failure, "E n why", and at the end "D count". Arguments: topic, partitions, records a second,
 * timestamp of record 0 in milliseconds, bootstrap.
 */
public final class SteadyWriter {
    private SteadyWriter() {
    }

    public static void main(String[] args) throws Exception {
        String topic = args[0];
        int partitions = Integer.parseInt(args[1]);
        long rate = Long.parseLong(args[2]);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        long base = Long.parseLong(args[3]);
        Properties props = new Properties();
        props.put("bootstrap.servers", args[4]);
        props.put("acks", "all");
        props.put("enable.idempotence", "true");
        props.put("delivery.timeout.ms", "600000");
        props.put("request.timeout.ms", "5000");
        props.put("max.block.ms", "600000");
        props.put("retry.backoff.ms", "20");
        props.put("retry.backoff.max.ms", "200");
        props.put("reconnect.backoff.ms", "20");
        props.put("reconnect.backoff.max.ms", "200");
        props.put("linger.ms", "2");
        props.put("compression.type", "lz4");
        long n = 0;
        try (KafkaProducer<byte[], byte[]> p = new KafkaProducer<>(props, new ByteArraySerializer(), new ByteArraySerializer())) {
            long start = System.nanoTime();
            while (System.in.available() == 0) {
                long due = (System.nanoTime() - start) * rate / 1_000_000_000L;
                for (; n < due; n++) {
                    send(p, out, topic, n, partitions, base);
                }
                synchronized (out) {
                    out.flush();
                }
                Thread.sleep(5);
            }
            p.flush();
        }
        out.println("D " + n);
        out.flush();
    }

    private static void send(KafkaProducer<byte[], byte[]> p, PrintStream out, String topic, long n, int partitions, long base) {
        byte[] value = (topic + "-" + n + "-" + "x".repeat((int) (n % 200))).getBytes(StandardCharsets.UTF_8);
        List<Header> headers = List.of(new RecordHeader("n", Long.toString(n).getBytes(StandardCharsets.UTF_8)), new RecordHeader("empty", new byte[0]));
        byte[] key = ("key-" + n % 97).getBytes(StandardCharsets.UTF_8);
        p.send(new ProducerRecord<>(topic, (int) (n % partitions), base + n, key, value, headers), (m, e) -> {
            synchronized (out) {
                out.println(e == null ? "A " + n + " " + m.partition() + " " + m.offset() : "E " + n + " " + e);
            }
        });
    }
}
