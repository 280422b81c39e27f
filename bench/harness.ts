import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, type Server, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

/** One operation to measure. What it returns is awaited and thrown away. */
export type Operation = () => unknown

export interface CompareOptions {
  /** How often every variant is measured, in turn. Default 9. */
  rounds?: number
  /** Operations of one variant in one round. Default 2000. */
  operations?: number
  /** How many operations are under way at once. Default 1. */
  concurrency?: number
}

export interface CompareServersOptions extends CompareOptions {
  /**
   * Makes the operation of one client; called once per concurrent client and round. What it has to do first (a login,
   * a session) is not counted. Default: `GET /` with a kept connection.
   */
  connect?: (url: string, variant: string) => Operation | Promise<Operation>
}

interface Sample {
  /** CPU time of one operation in microseconds. */
  cpu: number
  /** Elapsed time of one operation in microseconds. */
  wall: number
}

/** What a child process is asked to serve, as `title/variant`. */
const serving = process.env.BENCH_SERVER

/**
 * Measures operations of this process against each other and prints a table. The first variant is the baseline.
 *
 * Rounds are paired (A B A B …), so that whatever else the machine does falls on all of them alike. The ratio is the
 * median of the ratios of the rounds; absolute figures are medians too and say little about another machine.
 *
 * @example
 * await compare('verify a token', { jose: () => jwtVerify(token, key), ours: () => verifier.verifyAccessToken(token) })
 */
export async function compare(
  title: string,
  variants: Record<string, Operation>,
  { rounds = 9, operations = 2000, concurrency = 1 }: CompareOptions = {},
): Promise<void> {
  if (serving !== undefined) return
  const names = Object.keys(variants)
  const samples = emptySamples(names)
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const clients = Array.from({ length: concurrency }, () => variants[name] as Operation)
      const before = process.cpuUsage()
      const wall = await run(clients, round < 0 ? Math.ceil(operations / 5) : operations)
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) samples[name]?.push({ cpu: (user + system) / operations, wall: wall / operations })
    }
  }
  report(title, 'CPU', samples)
}

/**
 * Measures HTTP servers against each other and prints a table with the CPU time of the **server process** per request.
 * The first variant is the baseline. Every server is a child process of its own that runs the same file as far as this
 * call; code before it therefore has to be cheap. Processes that a server starts itself are not counted.
 *
 * @param file `import.meta.url` of the benchmark
 * @param servers makes the server of a variant; it is listened to here, on a free loopback port
 * @example
 * await compareServers('GET /', import.meta.url, {
 *   'node:http': () => createServer((_, response) => response.end('hello')),
 *   express: () => createServer(express().get('/', (_, response) => response.send('hello'))),
 * })
 */
export async function compareServers(
  title: string,
  file: string,
  servers: Record<string, () => Server | Promise<Server>>,
  { rounds = 5, operations = 2000, concurrency = 16, connect = getRoot }: CompareServersOptions = {},
): Promise<void> {
  const names = Object.keys(servers)
  if (serving !== undefined) {
    const name = names.find((candidate) => `${title}/${candidate}` === serving)
    const server = name === undefined ? undefined : await servers[name]?.()
    return server && (await serve(server))
  }
  const samples = emptySamples(names)
  const children: Record<string, Child> = {}
  try {
    for (const name of names) children[name] = await start(file, `${title}/${name}`)
    for (let round = -1; round < rounds; round++) {
      for (const name of names) {
        const child = children[name] as Child
        const clients = await Promise.all(Array.from({ length: concurrency }, () => connect(child.url, name)))
        const before = await child.cpu()
        const wall = await run(clients, round < 0 ? Math.ceil(operations / 5) : operations)
        const cpu = (await child.cpu()) - before
        if (round >= 0) samples[name]?.push({ cpu: cpu / operations, wall: wall / operations })
      }
    }
  } finally {
    for (const child of Object.values(children)) child.stop()
  }
  report(title, 'server CPU', samples)
}

const agent = new Agent({ keepAlive: true })

/** Sends one request over a kept connection, reads the answer to its end and refuses one that is no success. */
export async function send(
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = sendRequest(url, { method, headers, agent }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) resolve(text)
        else reject(new Error(`${method} ${url} answered ${status}: ${text.slice(0, 200)}`))
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

function getRoot(url: string): Operation {
  return () => send(url)
}

/** Runs the operations with one loop per client and returns the elapsed microseconds. */
async function run(clients: Operation[], operations: number): Promise<number> {
  let left = operations
  const started = process.hrtime.bigint()
  await Promise.all(
    clients.map(async (operation) => {
      while (left-- > 0) await operation()
    }),
  )
  return Number(process.hrtime.bigint() - started) / 1000
}

interface Child {
  url: string
  /** The CPU time that the server has used so far, in microseconds. */
  cpu(): Promise<number>
  stop(): void
}

async function start(file: string, name: string): Promise<Child> {
  const child = fork(fileURLToPath(file), { env: { ...process.env, BENCH_SERVER: name } })
  const url = await answer<string>(child, name)
  return {
    url,
    cpu: () => {
      child.send('cpu')
      return answer<number>(child, name)
    },
    stop: () => child.kill('SIGKILL'),
  }
}

async function answer<T>(child: ChildProcess, name: string): Promise<T> {
  const settled = new AbortController()
  const failed = once(child, 'exit', settled).then(([code]) => {
    throw new Error(`The server of "${name}" ended with code ${code}`)
  })
  try {
    const [value] = await Promise.race([once(child, 'message', settled), failed])
    return value as T
  } finally {
    failed.catch(() => {})
    settled.abort()
  }
}

async function serve(server: Server): Promise<void> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  process.on('disconnect', () => process.exit())
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await new Promise(() => {})
}

function emptySamples(names: string[]): Record<string, Sample[]> {
  return Object.fromEntries(names.map((name): [string, Sample[]] => [name, []]))
}

function report(title: string, clock: string, samples: Record<string, Sample[]>): void {
  const [baseline = []] = Object.values(samples)
  const rows = Object.entries(samples).map(([name, rounds]) => {
    const ratios = rounds.map(({ cpu }, round) => cpu / (baseline[round]?.cpu || Number.NaN))
    const cells = [
      median(rounds.map(({ cpu }) => cpu)).toFixed(1),
      `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
      median(rounds.map(({ wall }) => wall)).toFixed(1),
    ]
    return `| ${name} | ${cells.join(' | ')} |`
  })
  console.log(
    `\n| ${title} | ${clock} µs | × first (range) | elapsed µs |\n| --- | ---: | ---: | ---: |\n${rows.join('\n')}`,
  )
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
