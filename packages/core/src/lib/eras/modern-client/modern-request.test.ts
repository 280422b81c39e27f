import { describe, expect, test } from 'vitest'
import { completeResult } from './complete-result.js'
import { readModernRequest } from './modern-request.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value)
const key = 'io.modelcontextprotocol'
const envelope = `"${key}/protocolVersion":"2026-07-28","${key}/clientCapabilities":{"n":9007199254740993}`

describe('a modern request taken apart', () => {
  test.each([
    [
      `{"_meta":{${envelope}},"name":"x","arguments":{"b":9007199254740993,"a":1e400}}`,
      '{"name":"x","arguments":{"b":9007199254740993,"a":1e400}}',
    ],
    [`{"name":"\\u00e9","_meta":{${envelope}}}`, '{"name":"\\u00e9"}'],
    [`{ "_meta" : { ${envelope} } }`, '{}'],
    [
      `{"a":1,"_meta":{"own":{"z":1,"y":2},${envelope},"progressToken":7},"b":2}`,
      '{"a":1,"_meta":{"own":{"z":1,"y":2},"progressToken":7},"b":2}',
    ],
    [`{"a":1,"_meta":{${envelope},"${key}/other":1},"b":2}`, `{"a":1,"_meta":{"${key}/other":1},"b":2}`],
    [`{"inputResponses":{"k":1},"a":1,"_meta":{${envelope},"own":1},"requestState":"s"}`, '{"a":1,"_meta":{"own":1}}'],
  ])('%s leaves what both eras know, as it was written', (params, left) => {
    const request = readModernRequest(bytes(` {"id": 9007199254740993, "method":"m","params":${params}}`), 'm')
    expect(text(request.params)).toBe(left)
    expect(text(request.id)).toBe('9007199254740993')
    expect(text(request.capabilities)).toBe('{"n":9007199254740993}')
    expect(request.protocolVersion).toBe('2026-07-28')
  })

  test('what is for this era alone is told apart', () => {
    const meta = `{${envelope},"${key}/clientInfo":{"name":"c"},"${key}/logLevel":"info","progressToken":"p"}`
    const request = readModernRequest(
      bytes(`{"id":"i","method":"m","params":{"_meta":${meta},"inputResponses":{"k":{}},"requestState":"s"}}`),
      'm',
    )
    expect(text(request.clientInfo)).toBe('{"name":"c"}')
    expect(text(request.progressToken)).toBe('"p"')
    expect(text(request.inputResponses)).toBe('{"k":{}}')
    expect([request.logLevel, request.requestState]).toEqual(['info', 's'])
  })
})

describe('[M19] a result of the other era', () => {
  const complete = (result: string, method = 'tools/call', info?: string) =>
    text(completeResult(bytes('1'), method, bytes(result), info === undefined ? undefined : bytes(info)))

  test.each([
    ['{}', '{"resultType":"complete"}'],
    ['{ }', '{"resultType":"complete" }'],
    ['{"n":9007199254740993,"e":"\\u00e9"}', '{"resultType":"complete","n":9007199254740993,"e":"\\u00e9"}'],
    ['{"resultType":"task","x":1}', '{"resultType":"task","x":1}'],
    ['{"_meta":{"a":1}}', '{"resultType":"complete","_meta":{"a":1}}'],
    ['{"_meta":null}', '{"resultType":"complete","_meta":null}'],
  ])('%s becomes %s', (from, to) => {
    expect(complete(from)).toBe(`{"jsonrpc":"2.0","id":1,"result":${to}}`)
  })

  test('that is large is not looked into, and what it says itself still holds', () => {
    const large = `{"content":"${'x'.repeat(100_000)}","resultType":"own"}`
    const { result } = JSON.parse(complete(large, 'resources/read', '{"name":"s"}') ?? '')
    expect(result).toMatchObject({ resultType: 'own', ttlMs: 0, cacheScope: 'private' })
    expect(result._meta).toEqual({ [`${key}/serverInfo`]: { name: 's' } })
    expect(result.content.length).toBe(100_000)
  })
})
