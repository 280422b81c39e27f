import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server on a loopback port of its own. */
export interface Listening {
  readonly port: number
  readonly stop: () => Promise<void>
}

export async function listen(server: Server, port = 0): Promise<Listening> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What an upstream saw of a request. */
export interface Seen {
  readonly method: string
  readonly url: string
  /** By lower-case name, each with every value that came. */
  readonly headers: Readonly<Record<string, readonly string[]>>
}

/** An upstream that trusts every header it gets, and tells what it saw. */
export interface Witness extends Listening {
  /** Everything that came through, in order. */
  readonly seen: Seen[]
  /** How many requests the other side has left before they were answered. */
  readonly abandoned: () => number
}

/**
 * Answers with what it saw, as JSON. The query `events=N` streams N events, 150 ms apart; `hang` sends one event and
 * waits; `status=401` refuses with a challenge and a cookie of its own.
 */
export async function startWitness(): Promise<Witness> {
  const seen: Seen[] = []
  let abandoned = 0
  const server = createServer((request, response) => {
    const entry = see(request)
    seen.push(entry)
    response.on('close', () => {
      if (!response.writableEnded) abandoned += 1
    })
    request.resume()
    request.once('end', () => answer(entry, response))
  })
  return { ...(await listen(server)), seen, abandoned: () => abandoned }
}

function see(request: IncomingMessage): Seen {
  const headers: Record<string, string[]> = {}
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? '').toLowerCase()
    headers[name] = [...(headers[name] ?? []), request.rawHeaders[index + 1] ?? '']
  }
  return { method: request.method ?? '', url: request.url ?? '', headers }
}

function answer(entry: Seen, response: ServerResponse): void {
  const query = new URL(entry.url, 'http://localhost').searchParams
  const events = Number(query.get('events') ?? 0)
  if (events > 0 || query.has('hang')) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    stream(response, query.has('hang') ? 1 : events, query.has('hang'))
    return
  }
  if (query.get('status') === '401') {
    response.setHeader('WWW-Authenticate', 'Bearer resource_metadata="https://upstream.test/other"')
    response.setHeader('Set-Cookie', 'upstream=1')
    response.setHeader('X-User-Id', 'from-upstream')
    response.writeHead(401).end('upstream says no')
    return
  }
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(entry))
}

function stream(response: ServerResponse, events: number, stays: boolean): void {
  let sent = 0
  const next = () => {
    if (response.destroyed) return
    sent += 1
    response.write(`data: ${sent}\n\n`)
    if (sent < events) setTimeout(next, 150)
    else if (!stays) response.end()
  }
  next()
}
