import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonRpcMessage } from '@mcp-gateway/core'
import { announcedTask } from '@mcp-gateway/core/internal'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { call, post, Session, textOf, tokenOf } from '../../../../test/fixtures/bridge-client.js'
import { createStdioBridge, type StdioBridge, type StdioBridgeOptions } from '../index.js'
import { sharedByUser } from './connection/routing.js'
import { readChildLine } from './wire/child-message.js'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bridges: StdioBridge[] = []
afterEach(() => vi.restoreAllMocks())
afterAll(() => Promise.all(bridges.map((bridge) => bridge.close())))

/** A server that does this with every message. */
function serverThat(does: string, options: Partial<StdioBridgeOptions> = {}): StdioBridge {
  const script = `
    const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
    const text = (text) => ({ content: [{ type: 'text', text }] })
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method, params = {} } = JSON.parse(line)
      ${does}
    })`
  const command = { command: process.execPath, args: ['-e', script] }
  const bridge = createStdioBridge({ ...command, logger: quiet, stopGrace: [0.5, 0.5], drainTimeout: 0, ...options })
  bridges.push(bridge)
  return bridge
}

const version = '2026-07-28'
const key = (name: string) => `io.modelcontextprotocol/${name}`
function modern(
  bridge: StdioBridge,
  name: string,
  options: { capabilities?: object; scopes?: string[]; more?: object } = {},
) {
  const { capabilities = {}, scopes, more } = options
  const _meta = { [key('protocolVersion')]: version, [key('clientCapabilities')]: capabilities }
  const params = { name, arguments: {}, ...more, _meta }
  const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'tools/call', 'Mcp-Name': name }
  const context = scopes === undefined ? {} : { auth: tokenOf('alice', scopes) }
  return post(bridge, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, { headers, context })
}

const legacyInitialize = `{ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }`

describe('what a server writes that is no JSON, in a message too large to be parsed,', () => {
  const padding = `"pad":"${'x'.repeat(20_000)}"`

  test('is no resource that anybody watches [S1]', () => {
    const line = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":nonsense,${padding}}}`
    const [message] = readChildLine(Buffer.from(line))
    if (message === undefined) throw new Error('It is read as a message')
    const peer = { subscriptions: new Set(['nonsense']) } as never
    expect(sharedByUser.notified(message, { peers: new Set([peer]), pending: new Map() })).toEqual([])
  })

  test('announces no task by an id that is none [S1]', () => {
    const line = `[${padding.slice(6)},{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","taskId":nonsense}}]`
    const messages = readChildLine(Buffer.from(line))
    expect(messages).toHaveLength(1)
    for (const { bytes, result } of messages) expect(announcedTask(bytes, result)).toBeUndefined()
  })
})

describe('a server that writes null where a member does not count', () => {
  test('is a legacy server, and its results are results [S2]', async () => {
    const bridge = serverThat(`
      if (method === 'initialize') say({ id, error: null, result: ${legacyInitialize} })
      else if (method === 'tools/call') say({ id, error: null, result: text('fine') })
      else if (id !== undefined) say({ id, error: null, result: null })`)
    const message = (await (await modern(bridge, 'x')).json()) as JsonRpcMessage
    expect(textOf(message)).toBe('fine')
    expect(message.error).toBeUndefined()
  })

  test('is a modern server where it says so, and its error counts [S2]', async () => {
    const bridge = serverThat(`
      if (method === 'server/discover') say({ id, result: { supportedVersions: ['${version}'], capabilities: { tools: {} } } })
      else if (method === 'tools/list') say({ id, result: null, error: null })
      else if (id !== undefined) say({ id, result: null, error: { code: -32602, message: 'no' } })`)
    expect(await (await modern(bridge, 'x')).json()).toMatchObject({ error: { code: -32602 } })
  })
})

describe('what is a request and a response at once', () => {
  const large = 'x'.repeat(20_000)
  const lines = [
    `{"jsonrpc":"2.0","id":1,"result":{},"method":"sampling/createMessage"}`,
    `{"jsonrpc":"2.0","id":1,"result":{"a":"${large}"},"method":"sampling/createMessage","params":{}}`,
    `{"result":{"a":"${large}"},"method":"sampling/createMessage","id":1}`,
    `{"jsonrpc":"2.0","id":1,"result":{"a":"${large}"},"Method":"sampling/createMessage"}`,
    `{"jsonrpc":"2.0","id":1,"result":{"a":"${large}"},"\\u006dethod":"sampling/createMessage"}`,
    `{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","error":null}`,
    `{"jsonrpc":"2.0","id":1,"result":{"a":"${large}"},"result":{}}`,
    `{"jsonrpc":"2.0","id":1,"id":2,"result":{}}`,
    `{"jsonrpc":"2.0","id":1,"result":{"a":"${large}"},"error":{}}`,
    `{"jsonrpc":"2.0","id":null,"method":"sampling/createMessage"}`,
    `{"jsonrpc":"2.0","id":{},"result":{}}`,
  ]

  test.each(lines)('is no message of a child: %.70s [finding 27]', (line) => {
    expect(readChildLine(Buffer.from(line))).toEqual([])
    expect(readChildLine(Buffer.from(`[${line}]`))).toEqual([])
  })

  test('reaches no client as the answer of its request [finding 27]', async () => {
    const bridge = serverThat(`
      if (method === 'server/discover') say({ id, result: { supportedVersions: ['${version}'], capabilities: { tools: {} } } })
      else if (method === 'tools/list') say({ id, result: { tools: [] } })
      else if (id !== undefined) {
        say({ id, result: { ...text('${large}') }, method: 'sampling/createMessage', params: {} })
        setTimeout(() => say({ id, result: { ...text('fine') } }), 50)
      }`)
    const message = (await (await modern(bridge, 'x')).json()) as JsonRpcMessage
    expect(message.method).toBeUndefined()
    expect(textOf(message)).toBe('fine')
  })
})

test('[S2] a modern server that dies at a start is not taken for a legacy one, and serves after the next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-'))
  const file = JSON.stringify(join(folder, 'starts'))
  const bridge = serverThat(
    `
    const { appendFileSync, readFileSync } = require('node:fs')
    if (method === 'server/discover') {
      appendFileSync(${file}, 'x')
      if (readFileSync(${file}).length === 2) process.exit(1)
      say({ id, result: { supportedVersions: ['${version}'], capabilities: { tools: {} } } })
    } else if (method === 'initialize') process.exit(1)
    else if (id !== undefined) say({ id, result: { ...text('modern'), tools: [] } })`,
    { isolation: 'request' },
  )
  try {
    const statuses: number[] = []
    for (let n = 0; n < 3; n++) statuses.push((await modern(bridge, 'x')).status)
    expect(statuses).toEqual([200, 502, 200])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('[S3] a legacy server that dies at each start is started ever more slowly for one that listens', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-'))
  const file = join(folder, 'starts')
  const bridge = serverThat(`
    if (method === 'initialize') say({ id, result: ${legacyInitialize} })
    else if (method === 'notifications/initialized') {
      require('node:fs').appendFileSync(${JSON.stringify(file)}, Date.now() + ' ')
      setTimeout(() => process.exit(1), 20)
    } else if (id !== undefined) say({ id, error: { code: -32601, message: 'no' } })`)
  const leaver = new AbortController()
  try {
    const _meta = { [key('protocolVersion')]: version, [key('clientCapabilities')]: {} }
    const message = { jsonrpc: '2.0', id: 1, method: 'subscriptions/listen', params: { notifications: {}, _meta } }
    const headers = { 'MCP-Protocol-Version': version, 'Mcp-Method': 'subscriptions/listen' }
    await post(bridge, message, { headers, signal: leaver.signal })
    const starts = () => (existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').map(Number) : [])
    await vi.waitFor(() => expect(starts().length).toBeGreaterThanOrEqual(4), { timeout: 30_000 })
    const [, second = 0, third = 0, fourth = 0] = starts()
    expect(third - second).toBeGreaterThanOrEqual(200)
    expect(fourth - third).toBeGreaterThanOrEqual(400)
  } finally {
    leaver.abort()
    rmSync(folder, { recursive: true })
  }
})

test('[M20] a call that waits is not found by a token that may do less', async () => {
  const bridge = serverThat(`
    if (method === 'initialize') say({ id, result: ${legacyInitialize} })
    else if (method === 'tools/call') {
      globalThis.call = id
      say({ id: 1, method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } })
    } else if (method === undefined) say({ id: globalThis.call, result: text('done') })
    else if (id !== undefined) say({ id, error: { code: -32601, message: 'no' } })`)
  const capabilities = { elicitation: {} }
  const first = await (await modern(bridge, 'x', { capabilities, scopes: ['read', 'write'] })).json()
  const { requestState, inputRequests } = first.result
  const inputResponses = { [Object.keys(inputRequests)[0] ?? '']: { action: 'decline' } }
  const more = { requestState, inputResponses }
  const less = await (await modern(bridge, 'x', { capabilities, scopes: ['read'], more })).json()
  expect(less.error).toMatchObject({ code: -32602 })
  const same = await (await modern(bridge, 'x', { capabilities, scopes: ['read', 'write', 'more'], more })).json()
  expect(textOf(same)).toBe('done')
})

test('a person may think longer than a request may be silent, and the server still has its time', async () => {
  const server = `
    if (method === 'initialize') say({ id, result: ${legacyInitialize} })
    else if (method === 'tools/call' && params.name === 'ask') {
      globalThis.call = id
      say({ id: 'q', method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } })
    } else if (method === 'tools/call') say({ id: globalThis.call, result: text('done') }), say({ id, result: text('ok') })
    else if (id !== undefined && method !== undefined) say({ id, result: {} })`
  const bridge = serverThat(server, { requestTimeout: 300, keepAlive: 0.05 })
  const session = await Session.open(bridge, { capabilities: { elicitation: {} } })
  const response = await session.post(call(1, 'ask'))
  const reader = response.body?.getReader()
  if (reader === undefined) throw new Error('No stream')
  let seen = ''
  const until = async (isThere: () => boolean) => {
    while (!isThere()) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`The stream ended: ${seen}`)
      seen += new TextDecoder().decode(value)
    }
  }
  /** Each turn of the clock that looks after limits writes one. */
  const turns = () => seen.split(': keep-alive').length
  await until(() => seen.includes('elicitation/create'))
  const real = performance.now.bind(performance)
  vi.spyOn(performance, 'now').mockImplementation(() => real() + 400_000)
  const before = turns()
  await until(() => turns() > before + 2)
  const id = Number(/"id":(\d+),"method":"elicitation/.exec(seen)?.[1])
  await session.post({ jsonrpc: '2.0', id, result: { action: 'decline' } })
  const answered = turns()
  await until(() => turns() > answered + 2)
  await session.callText(2, 'release')
  await until(() => /"result"|"error"/.test(seen))
  expect(seen).toContain('"done"')
})
