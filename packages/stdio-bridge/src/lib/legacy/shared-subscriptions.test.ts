import { parseMessage } from '@mcp-gateway/core/gateway'
import { isRefusal } from '@mcp-gateway/core/internal'
import { describe, expect, test } from 'vitest'
import type { LegacySession } from './legacy-session.js'
import { watch } from './shared-subscriptions.js'

const parse = (message: object) => parseMessage(Buffer.from(JSON.stringify(message)))

function refusalOf(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    return isRefusal(error) ? error : undefined
  }
}

describe('what a session watches', () => {
  const session = () =>
    ({ connection: { peers: new Set() }, subscriptions: new Set<string>() }) as unknown as LegacySession
  const subscribe = (uri: string) => parse({ jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri } })

  test('is bounded in number', async () => {
    const one = session()
    for (let n = 0; n < 1000; n++) expect(watch(one, subscribe(`a://${n}`))).toBeUndefined()
    expect(refusalOf(() => watch(one, subscribe('a://more')))).toMatchObject({ status: 429 })
    expect(watch(one, subscribe('a://7'))).toBeUndefined()
    expect(one.subscriptions.size).toBe(1000)
  })

  test('is bounded in length', () => {
    const tooLong = subscribe(`a://${'x'.repeat(9000)}`)
    expect(refusalOf(() => watch(session(), tooLong))).toMatchObject({ status: 429 })
  })
})
