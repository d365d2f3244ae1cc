"""aiokafka, behind the suite's operations."""

import asyncio
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from adapter import Unsupported, data, record, serve


class Client:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.loop = asyncio.new_event_loop()
        self.reader = None
        self.left = []

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    async def with_admin(self, use):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            return await use(admin)
        finally:
            await admin.close()

    def do_topics(self, r):
        return {"topics": self.run(self.with_admin(lambda a: a.list_topics()))}

    def do_partitions(self, r):
        described = self.run(self.with_admin(lambda a: a.describe_topics([r["topic"]])))
        return {"n": len(described[0]["partitions"])}

    @staticmethod
    def check(answer):
        for error in answer.topic_errors if hasattr(answer, "topic_errors") else answer.topic_error_codes:
            if error[1] != 0:
                raise RuntimeError("%s: error %d" % (error[0], error[1]))

    def do_create(self, r):
        new = NewTopic(r["topic"], r["partitions"], 1, topic_configs=r.get("configs") or {})
        self.check(self.run(self.with_admin(lambda a: a.create_topics([new]))))

    def do_delete(self, r):
        self.check(self.run(self.with_admin(lambda a: a.delete_topics([r["topic"]]))))

    def do_produce(self, r):
        if any(n["key"] is None and n["value"] is None for n in r["records"]):
            raise Unsupported("aiokafka sends no record with neither key nor value")
        return {"offsets": self.run(self.produce(r))}

    async def produce(self, r):
        codec = r.get("codec", "none")
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, acks="all" if r["acks"] == -1 else r["acks"], compression_type=None if codec == "none" else codec,
            enable_idempotence=r.get("idempotent", False), linger_ms=50, max_batch_size=200000, max_request_size=2000000, request_timeout_ms=15000)
        await producer.start()
        try:
            sent = []
            for n in r["records"]:
                headers = [(h["key"], data(h["value"])) for h in n.get("headers") or []]
                key, value = data(n["key"]), data(n["value"])
                sent.append(await producer.send(r["topic"], value, key, n["partition"], n["timestamp"] or None, headers))
            done = [await asyncio.wait_for(f, 40) for f in sent]
            return [d.offset if r["acks"] != 0 else -1 for d in done]
        finally:
            await producer.stop()

    async def consumer(self):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
                                    max_partition_fetch_bytes=4000000)
        await consumer.start()
        return consumer

    @staticmethod
    async def find(consumer, tp, start):
        at = start["at"]
        if at == "earliest":
            return (await consumer.beginning_offsets([tp]))[tp]
        if at == "latest":
            return (await consumer.end_offsets([tp]))[tp]
        if at == "time":
            found = (await consumer.offsets_for_times({tp: start["time"]})).get(tp)
            return -1 if found is None else found.offset
        return start["offset"]

    def do_offset(self, r):
        return {"n": self.run(self.offset(r))}

    async def offset(self, r):
        consumer = await self.consumer()
        try:
            return await self.find(consumer, TopicPartition(r["topic"], r["partition"]), r["from"])
        finally:
            await consumer.stop()

    def do_open(self, r):
        self.do_close(r)
        self.run(self.open(r))

    async def open(self, r):
        tp, at = TopicPartition(r["topic"], r["partition"]), r["from"]["at"]
        self.reader = await self.consumer()
        self.reader.assign([tp])
        if at == "earliest":
            await self.reader.seek_to_beginning(tp)
        elif at == "latest":
            await self.reader.seek_to_end(tp)
        else:
            start = await self.find(self.reader, tp, r["from"])
            self.reader.seek(tp, (await self.reader.end_offsets([tp]))[tp] if start == -1 else start)
        await self.reader.position(tp)

    def do_next(self, r):
        return {"records": self.run(self.next(r))}

    async def next(self, r):
        deadline = time.monotonic() + r["timeoutMs"] / 1000
        while len(self.left) < r["count"] and time.monotonic() < deadline:
            for records in (await self.reader.getmany(timeout_ms=100)).values():
                self.left += [record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers) for m in records]
        out, self.left = self.left[:r["count"]], self.left[r["count"]:]
        return out

    def do_close(self, r):
        if self.reader is not None:
            self.run(self.reader.stop())
        self.reader, self.left = None, []


serve(Client(sys.argv[-1]))
