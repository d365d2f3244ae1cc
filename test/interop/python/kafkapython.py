"""kafka-python, behind the suite's operations."""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from adapter import Unsupported, data, record, serve


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.reader = None
        self.left = []

    def do_topics(self, r):
        return {"topics": list(self.admin.list_topics())}

    def do_partitions(self, r):
        described = self.admin.describe_topics([r["topic"]])
        return {"n": len(described[0]["partitions"])}

    def do_create(self, r):
        self.admin.create_topics([NewTopic(r["topic"], r["partitions"], 1, topic_configs=r.get("configs") or {})])

    def do_delete(self, r):
        self.admin.delete_topics([r["topic"]])

    def do_produce(self, r):
        for n in r["records"]:
            if n["key"] is None and n["value"] is None:
                raise Unsupported("kafka-python sends no record with neither key nor value")
            if any(h["value"] is None for h in n.get("headers") or []):
                raise Unsupported("kafka-python cannot send a null header")
        codec = r.get("codec", "none")
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all" if r["acks"] == -1 else r["acks"], compression_type=None if codec == "none" else codec,
            enable_idempotence=r.get("idempotent", False), linger_ms=50, batch_size=200000, max_request_size=2000000,
            request_timeout_ms=15000, delivery_timeout_ms=30000)
        try:
            sent = []
            for n in r["records"]:
                headers = [(h["key"], data(h["value"])) for h in n.get("headers") or []]
                sent.append(producer.send(r["topic"], data(n["value"]), data(n["key"]), headers, n["partition"], n["timestamp"] or None))
            producer.flush(40)
            return {"offsets": [f.get(40).offset if r["acks"] != 0 else -1 for f in sent]}
        finally:
            producer.close(5)

    def consumer(self):
        return KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
                             max_partition_fetch_bytes=4000000)

    @staticmethod
    def find(consumer, tp, start):
        at = start["at"]
        if at == "earliest":
            return consumer.beginning_offsets([tp])[tp]
        if at == "latest":
            return consumer.end_offsets([tp])[tp]
        if at == "time":
            found = consumer.offsets_for_times({tp: start["time"]}).get(tp)
            return -1 if found is None else found.offset
        return start["offset"]

    def do_offset(self, r):
        consumer = self.consumer()
        try:
            return {"n": self.find(consumer, TopicPartition(r["topic"], r["partition"]), r["from"])}
        finally:
            consumer.close()

    def do_open(self, r):
        self.do_close(r)
        tp, at = TopicPartition(r["topic"], r["partition"]), r["from"]["at"]
        self.reader = self.consumer()
        self.reader.assign([tp])
        if at == "earliest":
            self.reader.seek_to_beginning(tp)
        elif at == "latest":
            self.reader.seek_to_end(tp)
        else:
            start = self.find(self.reader, tp, r["from"])
            self.reader.seek(tp, self.reader.end_offsets([tp])[tp] if start == -1 else start)
        self.reader.position(tp)

    def do_next(self, r):
        deadline = time.monotonic() + r["timeoutMs"] / 1000
        while len(self.left) < r["count"] and time.monotonic() < deadline:
            for records in self.reader.poll(100).values():
                self.left += [record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers) for m in records]
        out, self.left = self.left[:r["count"]], self.left[r["count"]:]
        return {"records": out}

    def do_close(self, r):
        if self.reader is not None:
            self.reader.close()
        self.reader, self.left = None, []


serve(Client(sys.argv[-1]))
