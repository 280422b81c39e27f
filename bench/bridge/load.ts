import { Agent, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 1000 })

/** Where requests go. */
export interface Endpoint {
  readonly url: string
  readonly headers: Record<string, string>
}

interface Answer {
  readonly session: string | undefined
  readonly bytes: number
  readonly head: string
}

function post({ url, headers }: Endpoint, message: object, session?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const own = {
      ...headers,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(session === undefined ? {} : { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': '2025-06-18' }),
    }
    const sent = request(url, { method: 'POST', agent, headers: own }, (response) => {
      let bytes = 0
      let head = ''
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (head.length < 500) head += chunk.toString('latin1', 0, 500)
      })
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode = 0 } = response
        if (statusCode < 200 || statusCode > 299) reject(new Error(`${url} answered ${statusCode}: ${head}`))
        else resolve({ session: response.headers['mcp-session-id'] as string | undefined, bytes, head })
      })
    })
    sent.on('error', reject)
    // Some never answer what they cannot carry
    sent.setTimeout(10_000, () => sent.destroy(new Error(`${url} did not answer`)))
    sent.end(JSON.stringify({ jsonrpc: '2.0', ...message }))
  })
}

/** Opens a session. */
export async function openSession(endpoint: Endpoint): Promise<string> {
  const clientInfo = { name: 'bench', version: '1' }
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
  const { session } = await post(endpoint, { id: 0, method: 'initialize', params })
  if (session === undefined) throw new Error(`${endpoint.url} opened no session`)
  await post(endpoint, { method: 'notifications/initialized' }, session)
  return session
}

let last = 0

/** Calls the tool once and checks that the answer is its own. */
export async function call(
  endpoint: Endpoint,
  session: string,
  args: { mark?: string; bytes?: number },
): Promise<void> {
  const mark = args.mark ?? `m${++last}`
  const params = { name: 'echo', arguments: { ...args, mark } }
  const { bytes, head } = await post(endpoint, { id: ++last, method: 'tools/call', params }, session)
  if (args.bytes === undefined ? !head.includes(`"${mark}"`) : bytes < args.bytes) {
    throw new Error(`${endpoint.url} gave a wrong answer: ${head}`)
  }
}

/** What came of calling for a while. */
export interface Load {
  readonly perSecond: number
  /** In ms. */
  readonly p50: number
  readonly p99: number
  readonly calls: number
}

/** Calls for so many ms, so many at once. */
export async function load(operation: () => Promise<unknown>, concurrency: number, ms: number): Promise<Load> {
  const times: number[] = []
  const start = performance.now()
  const end = start + ms
  const loop = async () => {
    for (let now = performance.now(); now < end; ) {
      await operation()
      const after = performance.now()
      times.push(after - now)
      now = after
    }
  }
  await Promise.all(Array.from({ length: concurrency }, loop))
  const seconds = (performance.now() - start) / 1000
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return { perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), calls: times.length }
}

/** Closes the connections that were kept. */
export function closeConnections(): void {
  agent.destroy()
}
