// The bridge beside a naive one made of the SDK's parts, beside its peers, and beside the child without any bridge.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { direct } from './bridge/direct.js'
import { call, closeConnections, load, openSession } from './bridge/load.js'
import { cpuOf, installPeers, memoryOf, processesOf, startOwn, startPeer, stop, type Target } from './bridge/target.js'

const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const ms = Number(process.env.BENCH_MS ?? 1500)
const modules = installPeers()

const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }] }
const token = await new SignJWT({ client_id: 'bench', scope: 'mcp' })
  .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
  .setIssuer('https://issuer.example')
  .setAudience('http://127.0.0.1/mcp')
  .setSubject('alice')
  .setJti('1')
  .setIssuedAt()
  .setExpirationTime('2h')
  .sign(privateKey)

const start: Record<string, () => Promise<Target>> = {
  naive: () => startOwn('naive'),
  ours: () => startOwn('ours'),
  'ours, tokens': () => startOwn('tokens', { BENCH_JWKS: JSON.stringify(jwks) }, { Authorization: `Bearer ${token}` }),
  supergateway: () => startPeer('supergateway', modules),
  'mcp-proxy': () => startPeer('mcp-proxy', modules),
}
const names = Object.keys(start)

/** One line of the table: a figure for each target and round. */
type Row = Record<string, number[]>
const rows = new Map<string, Row>()

function record(title: string, name: string, value: number): void {
  const row = rows.get(title) ?? {}
  rows.set(title, row)
  row[name] ??= []
  row[name].push(value)
}

async function each(work: (target: Target, name: string) => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const target = await (start[name] as () => Promise<Target>)()
      try {
        await work(target, name)
      } catch (error) {
        console.error(`${name}: ${String(error).slice(0, 200)}`)
      }
      await stop(target)
    }
  }
}

// Small calls on one session
await each(async (target, name) => {
  const session = await openSession(target)
  const operation = () => call(target, session, {})
  await load(operation, 16, ms / 2)
  for (const concurrency of [1, 16, 64]) {
    const before = cpuOf(target)
    const { perSecond, p50, p99, calls } = await load(operation, concurrency, ms)
    record(`calls/s, ${concurrency} at once`, name, perSecond)
    record(`p50 ms, ${concurrency} at once`, name, p50)
    record(`p99 ms, ${concurrency} at once`, name, p99)
    record(`bridge CPU ms per 1000 calls, ${concurrency} at once`, name, ((cpuOf(target) - before) / calls) * 1000)
  }
})
for (let round = 0; round < rounds; round++) {
  const child = direct()
  await load(child.call, 16, ms / 2)
  for (const concurrency of [1, 16, 64]) {
    const { perSecond, p50, p99 } = await load(child.call, concurrency, ms)
    record(`calls/s, ${concurrency} at once`, 'no bridge', perSecond)
    record(`p50 ms, ${concurrency} at once`, 'no bridge', p50)
    record(`p99 ms, ${concurrency} at once`, 'no bridge', p99)
  }
  child.stop()
}

// Large results
for (const mebibytes of [1, 8, 64]) {
  await each(async (target, name) => {
    const session = await openSession(target)
    const operation = () => call(target, session, { bytes: mebibytes * 2 ** 20 })
    await operation()
    const { perSecond } = await load(operation, 1, ms)
    record(`${mebibytes} MiB results, MiB/s`, name, perSecond * mebibytes)
    record(`memory after ${mebibytes} MiB results, MiB`, name, memoryOf(target))
  })
}

// Sessions
for (const sessions of [1, 50, 200]) {
  await each(async (target, name) => {
    let left = sessions
    const begin = performance.now()
    const worker = async () => {
      while (left-- > 0) await call(target, await openSession(target), {})
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    record(`open ${sessions} sessions, ms`, name, performance.now() - begin)
    record(`memory at ${sessions} sessions, MiB`, name, memoryOf(target))
    record(`processes at ${sessions} sessions`, name, processesOf(target))
  })
}

// A session from a prewarmed process beside a cold one
for (let round = 0; round < rounds; round++) {
  for (const [name, variant] of [
    ['ours', 'ours'],
    ['ours, prewarmed', 'prewarmed'],
  ] as const) {
    const target = await startOwn(variant)
    await openSession(target)
    await new Promise((resolve) => setTimeout(resolve, 4000))
    for (let n = 0; n < 5; n++) {
      const begin = performance.now()
      await openSession(target)
      record('open one more session, ms', name, performance.now() - begin)
    }
    await stop(target)
  }
}
closeConnections()
print()

function print(): void {
  const columns = ['no bridge', ...names, 'ours, prewarmed']
  console.log(`\n| | ${columns.join(' | ')} |\n| --- |${' ---: |'.repeat(columns.length)}`)
  for (const [title, row] of rows) {
    const base = title.startsWith('open one') ? row.ours : row.naive
    const cells = columns.map((name) => cell(row[name], name === 'naive' ? undefined : base))
    console.log(`| ${title} | ${cells.join(' | ')} |`)
  }
}

function cell(values: number[] | undefined, base: number[] | undefined): string {
  if (values === undefined) return '–'
  const value = median(values)
  const figure = value >= 100 ? value.toFixed(0) : value.toPrecision(3)
  if (base === undefined || base === values) return figure
  const ratio = median(values.map((one, round) => one / (base[round] ?? Number.NaN)))
  return Number.isNaN(ratio) ? figure : `${figure} (×${ratio.toFixed(2)})`
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
