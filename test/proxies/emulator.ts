import { readFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http'
import { createServer } from 'node:https'
import { makeCertificate } from './certificate.js'
import { type Running, temporaryFolder } from './process.js'
import { listen } from './upstreams.js'

/** Header lines in order. */
export type Lines = readonly (readonly [name: string, value: string])[]

export interface Answer {
  readonly status: number
  readonly headers: Lines
  readonly body: string
}

/** Starts what stands in for a proxy: a TLS server on the port that the proxy would have. */
export async function startEmulator(
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Running> {
  const folder = temporaryFolder('emulator')
  const { certificate, key } = makeCertificate(folder)
  const log: string[] = []
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      log.push(String(error))
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end()
    })
  })
  const { stop } = await listen(server, port)
  return { log: () => log.join('\n'), stop }
}

export function linesOf({ rawHeaders }: IncomingMessage): Lines {
  return Array.from({ length: rawHeaders.length / 2 }, (_, index) => [
    rawHeaders[index * 2] ?? '',
    rawHeaders[index * 2 + 1] ?? '',
  ])
}

export function valuesOf(lines: Lines, name: string): string[] {
  return lines.filter(([given]) => given.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

export function without(lines: Lines, names: readonly string[]): Lines {
  const removed = new Set(names.map((name) => name.toLowerCase()))
  return lines.filter(([name]) => !removed.has(name.toLowerCase()))
}

/** In place of every line of that name. */
export function withLine(lines: Lines, name: string, value: string): Lines {
  return [...without(lines, [name]), [name, value]]
}

export const hopByHop = [
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** Asks, without a body. Rejects where nobody answers. */
export function ask(url: string, method: string, headers: Lines): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const host: Lines = valuesOf(headers, 'host').length > 0 ? [] : [['Host', new URL(url).host]]
    const request = sendRequest(url, { method, headers: [...host, ...headers].flat() }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: linesOf(response), body }))
      response.on('error', reject)
    })
    request.setTimeout(5000, () => request.destroy(new Error('timeout')))
    request.on('error', reject).end()
  })
}

/** Sends an answer to the client. */
export function reply(response: ServerResponse, { status, headers, body }: Answer): void {
  const kept = without(headers, [...hopByHop, 'content-length', 'date'])
  response.writeHead(status, [...kept, ['Content-Length', String(Buffer.byteLength(body))]].flat()).end(body)
}

/** Forwards a request and streams the answer; the server behind hears when the client goes away. */
export function forward(
  origin: string,
  target: string,
  headers: Lines,
  request: IncomingMessage,
  response: ServerResponse,
  finish: (lines: Lines) => Lines,
): void {
  const url = new URL(origin)
  const outgoing = sendRequest(
    { host: url.hostname, port: url.port, path: target, method: request.method, headers: headers.flat() },
    (incoming) => {
      response.writeHead(incoming.statusCode ?? 502, finish(without(linesOf(incoming), hopByHop)).flat())
      response.flushHeaders()
      incoming.pipe(response)
    },
  )
  outgoing.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => outgoing.destroy())
  request.pipe(outgoing)
}
