'use strict'
// kafkajs, behind the suite's operations. Its public consumer cannot do without a group, so records are fetched through its own cluster and
// broker objects, one layer below: the protocol code is the same.

const readline = require('readline')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const lz4 = require('lz4-napi')
const zstd = require('@bokuweb/zstd-wasm')

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD
}
const FETCH = { replicaId: -1, isolationLevel: 1, minBytes: 1, maxBytes: 8000000 }

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  async compress(encoder) {
    return lz4.compressFrame(encoder.buffer)
  },
  async decompress(buffer) {
    return lz4.decompressFrame(buffer)
  }
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  async compress(encoder) {
    return Buffer.from(zstd.compress(encoder.buffer, 3))
  },
  async decompress(buffer) {
    return Buffer.from(zstd.decompress(buffer))
  }
})

class Unsupported extends Error {}

const data = text => (text === null || text === undefined ? null : Buffer.from(text, 'base64'))
const text = buffer => (buffer === null || buffer === undefined ? null : buffer.toString('base64'))

// kafkajs makes one batch of what one send is given, so what is over 500 KB is cut here.
function chunks(messages) {
  const list = []
  let from = 0
  let size = 0
  messages.forEach((m, i) => {
    const bytes = (m.value || '').length + (m.key || '').length
    if (i > from && size + bytes > 500000) {
      list.push([from, i])
      from = i
      size = 0
    }
    size += bytes
  })
  list.push([from, messages.length])
  return list
}

class Client {
  constructor(bootstrap) {
    this.kafka = new Kafka({ brokers: [bootstrap], clientId: 'samsa-interop', logLevel: logLevel.NOTHING, retry: { retries: 8, initialRetryTime: 100 } })
    this.admin = this.kafka.admin()
    const create = Object.getOwnPropertySymbols(this.kafka).find(s => String(s).includes('createCluster'))
    this.cluster = this.kafka[create]({ allowAutoTopicCreation: false, metadataMaxAge: 300000, isolationLevel: FETCH.isolationLevel })
    this.reader = null
  }

  async start() {
    await zstd.init()
    await this.admin.connect()
    await this.cluster.connect()
  }

  async topics() {
    return { topics: await this.admin.listTopics() }
  }

  async partitions(r) {
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [r.topic] })
    return { n: topics[0].partitions.length }
  }

  async create(r) {
    const configEntries = Object.entries(r.configs || {}).map(([name, value]) => ({ name, value }))
    const created = await this.admin.createTopics({ waitForLeaders: true, topics: [{ topic: r.topic, numPartitions: r.partitions, replicationFactor: 1, configEntries }] })
    if (!created) throw new Error('the topic exists')
  }

  async delete(r) {
    await this.admin.deleteTopics({ topics: [r.topic] })
  }

  async produce(r) {
    if (r.idempotent && r.acks !== -1) throw new Unsupported('kafkajs: idempotent means acks all')
    const messages = r.records.map(n => {
      const headers = {}
      for (const h of n.headers || []) {
        if (h.value === null) throw new Unsupported('kafkajs cannot send a null header')
        headers[h.key] = h.key in headers ? [].concat(headers[h.key], data(h.value)) : data(h.value)
      }
      const message = { partition: n.partition, key: data(n.key), value: data(n.value), headers }
      if (n.timestamp) message.timestamp = String(n.timestamp)
      return message
    })
    const producer = this.kafka.producer({ idempotent: !!r.idempotent, createPartitioner: () => ({ message }) => message.partition })
    await producer.connect()
    try {
      const offsets = new Array(messages.length).fill(-1)
      for (const [from, to] of chunks(messages)) {
        const part = messages.slice(from, to)
        const sent = await producer.send({ topic: r.topic, acks: r.acks, compression: CODECS[r.codec || 'none'], messages: part, timeout: 15000 })
        for (const answer of sent) {
          let next = Number(answer.baseOffset)
          part.forEach((m, i) => {
            if (m.partition === answer.partition) offsets[from + i] = next++
          })
        }
      }
      return { offsets }
    } finally {
      await producer.disconnect()
    }
  }

  async offset(r) {
    await this.cluster.addTargetTopic(r.topic)
    await this.cluster.refreshMetadata()
    const query = { topic: r.topic, partitions: [{ partition: r.partition }] }
    if (r.from.at === 'time') query.fromTimestamp = String(r.from.time)
    else query.fromBeginning = r.from.at === 'earliest'
    const [answer] = await this.cluster.fetchTopicsOffset([query])
    return { n: Number(answer.partitions[0].offset) }
  }

  async open(r) {
    let next = r.from.offset
    if (r.from.at !== 'offset') next = (await this.offset(r)).n
    if (next === -1) next = (await this.offset({ ...r, from: { at: 'latest' } })).n
    await this.cluster.addTargetTopic(r.topic)
    await this.cluster.refreshMetadata()
    const [nodeId] = Object.keys(this.cluster.findLeaderForPartitions(r.topic, [r.partition]))
    this.reader = { topic: r.topic, partition: r.partition, next, nodeId, left: [] }
  }

  async next(r) {
    const deadline = Date.now() + r.timeoutMs
    const { topic, partition, nodeId, left } = this.reader
    while (left.length < r.count && Date.now() < deadline) {
      const broker = await this.cluster.findBroker({ nodeId })
      const topics = [{ topic, partitions: [{ partition, fetchOffset: String(this.reader.next), maxBytes: 4000000, currentLeaderEpoch: -1 }] }]
      const { responses } = await broker.fetch({ ...FETCH, maxWaitTime: Math.max(1, Math.min(500, deadline - Date.now())), topics })
      for (const m of responses[0].partitions[0].messages) {
        if (Number(m.offset) < this.reader.next || m.isControlRecord) continue
        const headers = Object.entries(m.headers).flatMap(([key, value]) => [].concat(value).map(v => ({ key, value: text(v) })))
        left.push({ partition, offset: Number(m.offset), timestamp: Number(m.timestamp), key: text(m.key), value: text(m.value), headers })
        this.reader.next = Number(m.offset) + 1
      }
    }
    return { records: left.splice(0, r.count) }
  }

  async close() {
    this.reader = null
  }
}

async function main() {
  const client = new Client(process.argv[process.argv.length - 1])
  await client.start()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line)
    let answer
    try {
      if (!Object.getOwnPropertyNames(Client.prototype).includes(request.op)) throw new Unsupported('no operation ' + request.op)
      answer = (await client[request.op](request)) || {}
    } catch (e) {
      answer = e instanceof Unsupported ? { unsupported: e.message } : { error: `${e.name}: ${e.message}` }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
  await client.cluster.disconnect()
  await client.admin.disconnect()
}

main().then(() => process.exit(0))
