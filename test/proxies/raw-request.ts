import { connect } from 'node:tls'

/** A request, written as it is. */
export interface RawRequest {
  readonly method?: string
  /** The request target, not touched. */
  readonly target?: string
  /** Header lines in order; `Host` is added where there is none, and `Connection: close`. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string
  /** Ends the wait: resolves with what came until then. */
  readonly until?: (soFar: string) => boolean
}

export interface RawResponse {
  readonly status: number
  /** Header lines in order, names as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** All values of a header, by its lower-case name. */
  readonly all: (name: string) => readonly string[]
  readonly body: string
}

/** Sends bytes that no HTTP client would send, over TLS to this machine, and reads the answer to its end. */
export async function rawRequest(port: number, request: RawRequest): Promise<RawResponse> {
  const { method = 'GET', target = '/', headers = [], body = '', until } = request
  const has = (name: string) => headers.some(([given]) => given.toLowerCase() === name)
  const lines = [`${method} ${target} HTTP/1.1`]
  if (!has('host')) lines.push(`Host: localhost:${port}`)
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  if (!headers.some(([name, value]) => name.toLowerCase() === 'connection' && /close/i.test(value))) {
    lines.push('Connection: close')
  }
  if (body !== '' && !has('content-length')) lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
  const ends = until ?? ((soFar: string) => isWhole(soFar, method === 'HEAD'))
  const text = await talk(port, `${lines.join('\r\n')}\r\n\r\n${body}`, ends)
  return parse(text)
}

function talk(port: number, bytes: string, until: (soFar: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false })
    const end = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`No whole answer within 8 s; so far: ${text}`))
    }, 8000)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (until(text)) end()
    })
    socket.on('error', () => end())
    socket.on('close', () => end())
    socket.write(bytes, 'latin1')
  })
}

function isWhole(text: string, isHead: boolean): boolean {
  const head = text.indexOf('\r\n\r\n')
  if (head === -1) return false
  if (isHead || /^HTTP\/1\.[01] (?:204|304)/.test(text)) return true
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2))?.[1]
  if (length !== undefined) return text.length - head - 4 >= Number(length)
  return /\r\ntransfer-encoding: chunked\r\n/i.test(text.slice(0, head + 2)) && text.endsWith('\r\n0\r\n\r\n')
}

function parse(text: string): RawResponse {
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...lines] = text.slice(0, end === -1 ? text.length : end).split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
  const all = (name: string) => headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value)
  const rest = end === -1 ? '' : text.slice(end + 4)
  const body = all('transfer-encoding').includes('chunked') ? dechunk(rest) : rest
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0), headers, all, body }
}

function dechunk(text: string): string {
  let body = ''
  let rest = text
  for (let match = /^([\da-f]+)\r\n/i.exec(rest); match !== null; match = /^([\da-f]+)\r\n/i.exec(rest)) {
    const size = Number.parseInt(match[1] ?? '0', 16)
    if (size === 0) break
    body += rest.slice(match[0].length, match[0].length + size)
    rest = rest.slice(match[0].length + size + 2)
  }
  return body
}
