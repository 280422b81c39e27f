import { describe, expect, test } from 'vitest'
import { connectMcpRemote } from '../../../../test/clients/mcp-remote.js'
import { connectSdkV1 } from '../../../../test/clients/sdk-v1.js'
import { connectSdkV2 } from '../../../../test/clients/sdk-v2.js'
import { events, fixture, Session, until } from '../../../../test/fixtures/bridge-client.js'
import { serveBridge } from '../../../../test/fixtures/bridge-server.js'
import { hasBinary } from '../../../../test/servers/binary.js'

const python = { command: 'python3', args: [fixture('python-server.py')] }
const nobody = () => Promise.reject(new Error('No login was expected'))
const read = (uri: string) => ({ jsonrpc: '2.0', id: uri, method: 'resources/read', params: { uri } })

describe.runIf(hasBinary('python3'))('a server in Python', () => {
  test.each([
    ['SDK v1', connectSdkV1],
    ['SDK v2', connectSdkV2],
    ['SDK v2, in the modern era', (url: string) => connectSdkV2(url, nobody, 'modern')],
    ['mcp-remote', connectMcpRemote],
    [
      'mcp-remote, asking for the modern era first',
      (url: string) => connectMcpRemote(url, nobody, {}, ['--protocol', 'auto']),
    ],
  ] as const)('is driven by %s: tools, progress, a question, an error', async (_, connect) => {
    const { url, bridge } = await serveBridge(python)
    const { client } = await connect(url.href, nobody)
    expect(client.serverName).toBe('python-fixture')
    expect(await client.listTools()).toEqual(['add', 'count', 'greet', 'write', 'fail'])
    expect(await client.callTool('add', { a: 2, b: 40 })).toBe('42')
    const steps: number[] = []
    expect(await client.callTool('count', { to: 3 }, (step) => steps.push(step))).toBe('counted to 3')
    expect(steps).toEqual([1, 2, 3])
    expect(await client.callTool('greet')).toBe('Hello, Ada Lovelace')
    expect(client.questions).toEqual(['What is your name?'])
    expect(await client.callTool('fail')).toBe('ValueError: as it was asked to')
    await client.close()
    expect(bridge.stats()).toMatchObject({ crashed: 0, invalidLines: 0, unmatchedResponses: 0 })
  })

  test('is heard byte for byte: numbers of any size, escapes, spaces', async () => {
    const { bridge } = await serveBridge(python)
    const session = await Session.open(bridge)
    const add = '{"name":"add","arguments":{"a":9007199254740993,"b":123456789012345678901234567890}}'
    const sum = await session.post(`{"jsonrpc":"2.0","id":"ü","method":"tools/call","params":${add}}`)
    expect(await sum.text()).toContain('"text": "123456789012354686100489308883"')
    const note = await (await session.post(read('note://second'))).text()
    expect(note).toContain('"text": "Gr\\u00fc\\u00dfe aus Wien \\ud83d\\ude00"')
    expect(JSON.parse(note).result.contents[0].text).toBe('Grüße aus Wien 😀')
  })

  test('tells of resources, and ends with its session', async () => {
    const { bridge } = await serveBridge(python)
    const session = await Session.open(bridge)
    const stream = events(await session.request('GET'))
    await stream.next()
    const uri = 'note://third'
    await session.answer({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } })
    const write = { name: 'write', arguments: { uri, text: 'new' } }
    const response = await session.post({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: write })
    expect(await response.text()).toContain('notifications/resources/updated')
    expect(await session.answer(read(uri))).toMatchObject({ result: { contents: [{ uri, text: 'new' }] } })
    expect(await session.answer(read('note://none'))).toMatchObject({ error: { code: -32002 } })
    await stream.return(undefined)
    await session.request('DELETE')
    await until(() => bridge.stats().children === 0, 'its process is gone')
  })
})
