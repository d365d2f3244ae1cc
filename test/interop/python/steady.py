"""librdkafka sending numbered records, idempotently, until a line arrives on standard input; then it flushes.

Prints a line per acknowledgement, "A n partition offset", a line per failure, "E n why", and at the end "D count". Arguments: topic,
partitions, records a second, timestamp of record 0 in milliseconds, bootstrap.
"""

import select
import sys
import time

import confluent_kafka as ck


def main():
    topic, bootstrap = sys.argv[1], sys.argv[5]
    partitions, rate, base = (int(a) for a in sys.argv[2:5])
    out = []

    def delivered(n):
        def note(err, msg):
            out.append("A %d %d %d\n" % (n, msg.partition(), msg.offset()) if err is None else "E %d %s\n" % (n, err))
        return note

    def flush():
        sys.stdout.write("".join(out))
        sys.stdout.flush()
        out.clear()

    producer = ck.Producer({
        "bootstrap.servers": bootstrap, "broker.address.family": "v4", "enable.idempotence": True, "acks": "all", "linger.ms": 2,
        "message.timeout.ms": 600000, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20,
        "retry.backoff.max.ms": 200, "compression.type": "zstd", "socket.timeout.ms": 5000, "log_level": 0,
    })
    n, start = 0, time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        due = int((time.monotonic() - start) * rate)
        while n < due:
            headers = [("n", str(n).encode()), ("empty", b"")]
            value = ("%s-%d-" % (topic, n)).encode() + b"x" * (n % 200)
            try:
                producer.produce(topic, value, b"key-%d" % (n % 97), n % partitions, delivered(n), timestamp=base + n,
                                 headers=headers)
            except BufferError:
                break  # the queue is full while the server is away; the same n is tried again
            n += 1
        producer.poll(0.005)
        flush()
    left = producer.flush(120)
    flush()
    if left:
        sys.stdout.write("E -1 %d records are still on their way\n" % left)
    sys.stdout.write("D %d\n" % n)
    sys.stdout.flush()


main()
