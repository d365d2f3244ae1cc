"""librdkafka through confluent-kafka, behind the suite's operations."""

import sys
import time

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, NewTopic

from adapter import data, record, serve


class Client:
    def __init__(self, bootstrap):
        self.conf = {"bootstrap.servers": bootstrap, "broker.address.family": "v4"}
        self.admin = AdminClient(self.conf)
        self.reader = None

    def do_topics(self, r):
        return {"topics": list(self.admin.list_topics(timeout=10).topics)}

    def do_partitions(self, r):
        topic = self.admin.list_topics(r["topic"], timeout=10).topics[r["topic"]]
        if topic.error is not None:
            raise ck.KafkaException(topic.error)
        return {"n": len(topic.partitions)}

    def do_create(self, r):
        new = NewTopic(r["topic"], r["partitions"], 1, config=r.get("configs") or {})
        self.admin.create_topics([new], operation_timeout=10)[r["topic"]].result(15)

    def do_delete(self, r):
        self.admin.delete_topics([r["topic"]], operation_timeout=10)[r["topic"]].result(15)

    def do_produce(self, r):
        producer = ck.Producer({
            **self.conf, "compression.type": r.get("codec", "none"), "acks": r["acks"], "enable.idempotence": r.get("idempotent", False),
            "linger.ms": 50, "message.timeout.ms": 30000, "message.max.bytes": 2000000, "queue.buffering.max.kbytes": 100000,
        })
        offsets = [None] * len(r["records"])
        errors = []

        def delivered(i):
            def note(err, msg):
                if err is not None:
                    errors.append(err)
                offsets[i] = msg.offset() if r["acks"] != 0 and msg.offset() is not None else -1
            return note

        for i, n in enumerate(r["records"]):
            more = {"timestamp": n["timestamp"]} if n["timestamp"] else {}
            headers = [(h["key"], data(h["value"])) for h in n.get("headers") or []]
            producer.produce(r["topic"], data(n["value"]), data(n["key"]), n["partition"], delivered(i), headers=headers, **more)
        producer.flush(40)
        if errors:
            raise ck.KafkaException(errors[0])
        if None in offsets:
            raise TimeoutError("no delivery report for %d records" % offsets.count(None))
        return {"offsets": offsets}

    def consumer(self):
        return ck.Consumer({
            **self.conf, "group.id": "not-a-group", "enable.auto.commit": False, "enable.auto.offset.store": False, "auto.offset.reset": "error",
            "check.crcs": True, "fetch.message.max.bytes": 4000000,
        })

    def do_offset(self, r):
        consumer, at = self.consumer(), r["from"]["at"]
        try:
            tp = ck.TopicPartition(r["topic"], r["partition"])
            if at == "time":
                tp.offset = r["from"]["time"]
                found = consumer.offsets_for_times([tp], timeout=10)[0]
                if found.error is not None:
                    raise ck.KafkaException(found.error)
                return {"n": -1 if found.offset == ck.OFFSET_END else found.offset}
            low, high = consumer.get_watermark_offsets(tp, timeout=10)
            return {"n": low if at == "earliest" else high}
        finally:
            consumer.close()

    def do_open(self, r):
        self.do_close(r)
        start = {"earliest": ck.OFFSET_BEGINNING, "latest": ck.OFFSET_END}.get(r["from"]["at"], r["from"]["offset"])
        if r["from"]["at"] == "time":
            start = self.do_offset(r)["n"]
            start = ck.OFFSET_END if start == -1 else start
        self.reader = self.consumer()
        self.reader.assign([ck.TopicPartition(r["topic"], r["partition"], start)])

    def do_next(self, r):
        out, deadline = [], time.monotonic() + r["timeoutMs"] / 1000
        while len(out) < r["count"] and time.monotonic() < deadline:
            m = self.reader.poll(0.1)
            if m is None:
                continue
            if m.error() is not None:
                raise ck.KafkaException(m.error())
            out.append(record(m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers()))
        return {"records": out}

    def do_close(self, r):
        if self.reader is not None:
            self.reader.close()
        self.reader = None


serve(Client(sys.argv[-1]))
