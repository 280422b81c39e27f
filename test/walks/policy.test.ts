import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPerson } from '../clients/person.js'
import { connectSdkV2 } from '../clients/sdk-v2.js'
import { type Opa, startOpa } from '../servers/opa.js'
import { buildExample } from './build-examples.js'
import { startExample } from './example-process.js'

let opa: Opa
beforeAll(async () => {
  opa = await startOpa(join(import.meta.dirname, '../../examples/gateway/policy/authz.rego'))
  await buildExample('express')
}, 300_000)
afterAll(() => opa?.end())

test.each(['legacy', 'modern'] as const)(
  'shows and serves what the Open Policy Agent allows, and nothing when it is gone (%s)',
  async (mode) => {
    const policy = opa
    const example = await startExample('express', {
      OPA_URL: policy.url,
      OPA_TIMEOUT: '60',
      SCOPES: 'tool:echo:invoke',
      ADMINS: 'ada',
    })
    expect(example.banner).toContain(`an Open Policy Agent at ${policy.url}`)
    const url = `${example.url}/everything/mcp`

    const bob = await connectSdkV2(url, createPerson({ name: 'bob' }).authorize, mode)
    expect(await bob.client.listTools()).toEqual(['echo'])
    expect(await bob.client.callTool('echo', { message: 'hello' })).toBe('Echo: hello')
    await expect(bob.client.callTool('get-sum', { a: 1, b: 2 })).rejects.toThrow(/Unknown tool: get-sum|get-sum/)

    const ada = await connectSdkV2(url, createPerson({ name: 'ada' }).authorize, mode)
    expect(await ada.client.listTools()).toEqual(expect.arrayContaining(['echo', 'get-sum']))
    expect(await ada.client.callTool('get-sum', { a: 1, b: 2 })).toContain('3')

    if (mode === 'legacy') return
    await policy.end()
    await expect(bob.client.callTool('echo', { message: 'hello' })).rejects.toThrow()
    expect(bob.exchanges.at(-1)?.status).toBe(503)
  },
  180_000,
)
