import { readFile } from 'node:fs/promises'
import type { Check } from '../contract/check.js'
import { inTime } from '../runtime/in-time.js'
import type { MetricSet } from './metric-set.js'
import type { AuditCounts, MetricsBridge, MetricsPart } from './metrics-options.js'

type Named<T> = Readonly<Record<string, T>>

/** The processes of bridges. */
export function bridgeMetrics(set: MetricSet, bridges: Named<MetricsBridge>): void {
  const all = Object.entries(bridges)
  const gauge = (name: string, help: string, read: (stats: ReturnType<MetricsBridge['stats']>) => number) =>
    set.gauge(name, help, ['server'], (self) => {
      for (const [server, bridge] of all) self.set({ server }, read(bridge.stats()))
    })
  const counted = (name: string, help: string, read: (stats: ReturnType<MetricsBridge['stats']>) => number) =>
    set.counted(name, help, ['server'], () =>
      all.map(([server, bridge]) => ({ labels: { server }, value: read(bridge.stats()) })),
    )
  gauge('mcp_gateway_children', 'Processes of a bridge', ({ children }) => children)
  gauge('mcp_gateway_children_in_flight', 'Requests that wait for a process', ({ inFlight }) => inFlight)
  counted('mcp_gateway_children_started_total', 'Processes that were started', ({ spawned }) => spawned)
  counted('mcp_gateway_children_failed_total', 'Processes that could not be started', (stats) => stats.failedStarts)
  counted('mcp_gateway_children_crashed_total', 'Processes that ended by themselves', ({ crashed }) => crashed)

  const memory = 'Bytes that the processes that serve clients have in memory, with those that they started'
  set.gauge('mcp_gateway_children_resident_memory_bytes', memory, ['server'], async (self) => {
    for (const [server, bridge] of all) self.set({ server }, sum((await processesOf(bridge)).values()))
  })
  const used = all.map(([server, bridge]) => ({ server, bridge, cpu: new CpuTime() }))
  const time = 'Processor time of the processes that serve clients'
  set.counted('mcp_gateway_children_cpu_seconds_total', time, ['server'], () =>
    Promise.all(
      used.map(async ({ server, bridge, cpu }) => {
        await cpu.read([...(await processesOf(bridge)).keys()])
        return { labels: { server }, value: cpu.seconds }
      }),
    ),
  )
}

/** Memory by process: sessions may share one. */
async function processesOf(bridge: MetricsBridge): Promise<ReadonlyMap<number, number>> {
  const memory = new Map<number, number>()
  for (const one of await bridge.sessions()) if (one.pid !== undefined) memory.set(one.pid, one.memory ?? 0)
  return memory
}

/** Ticks of a second in `/proc`, on every Linux of today. */
const ticks = 100

/** Processor time of processes that come and go; it never falls. */
class CpuTime {
  seconds = 0
  #last = new Map<number, number>()

  async read(pids: readonly number[]): Promise<void> {
    const now = new Map<number, number>()
    for (const pid of pids) {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      // The name, in parentheses, may hold anything; user, system and those of children that were waited for
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const own = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
      if (Number.isFinite(own)) now.set(pid, own / ticks)
    }
    for (const [pid, seconds] of now) this.seconds += Math.max(0, seconds - (this.#last.get(pid) ?? 0))
    this.#last = now
  }
}

/** The queues of an audit. */
export function auditMetrics(set: MetricSet, { stats }: { readonly stats: () => readonly AuditCounts[] }): void {
  set.gauge('mcp_gateway_audit_queue_events', 'Audit events that wait', ['sink'], (self) => {
    for (const { sink, queued } of stats()) self.set({ sink }, queued)
  })
  set.gauge('mcp_gateway_audit_sink_up', 'Whether a sink of the audit takes events', ['sink'], (self) => {
    for (const { sink, isFailing } of stats()) self.set({ sink }, isFailing ? 0 : 1)
  })
  const counted = (name: string, help: string, read: (counts: AuditCounts) => number) =>
    set.counted(name, help, ['sink'], () => stats().map((one) => ({ labels: { sink: one.sink }, value: read(one) })))
  counted('mcp_gateway_audit_written_total', 'Audit events that were written', ({ written }) => written)
  counted('mcp_gateway_audit_lost_total', 'Audit events for which there was no room', ({ lost }) => lost)
}

const checkTimeout = 4000
const checkInterval = 10_000

/** Whether parts work. */
export function partMetrics(set: MetricSet, parts: Named<MetricsPart>): void {
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<void> | undefined
  const readAll = async (write: (part: string, isUp: boolean) => void): Promise<void> => {
    const all = Object.entries(parts).map(async ([part, { check }]) => write(part, await works(check)))
    await Promise.all(all)
    readAt = performance.now()
    reading = undefined
  }
  set.gauge('mcp_gateway_part_up', 'Whether a part that the gateway depends on works', ['part'], (self) => {
    if (performance.now() - readAt < checkInterval) return
    reading ??= readAll((part, isUp) => self.set({ part }, isUp ? 1 : 0))
    return reading
  })
}

async function works(check: Check): Promise<boolean> {
  const asked = async () => {
    await check()
    return true
  }
  return inTime(asked, checkTimeout, () => false).catch(() => false)
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
