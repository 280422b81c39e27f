import { parseMessage } from '@mcp-gateway/core/gateway'
import type { Refusal } from '@mcp-gateway/core/internal'
import { describe, expect, test } from 'vitest'
import { initialize } from '../../../../../test/fixtures/bridge-client.js'
import type { Connection } from '../connection/connection.js'
import type { Waiter } from '../connection/peer.js'
import { cannotStart } from '../refusals/refusals.js'
import type { SharingSettings } from './child-groups.js'
import { SharedChildren } from './shared-children.js'

const owner = (principal: string) => ({ principal, audience: '', scopes: [] })
const parse = (message: object) => parseMessage(Buffer.from(JSON.stringify(message)))

/** Children that answer at once, and what became of them. */
function setUp(isolation: SharingSettings['isolation'], refuse: () => Refusal | undefined = () => undefined) {
  const asked: unknown[] = []
  const stopped: unknown[] = []
  const connect = async (): Promise<Connection> => {
    const refused = refuse()
    if (refused !== undefined) throw refused
    let isOver = false
    const connection = {
      get isOver() {
        return isOver
      },
      child: {
        hasAnswered: true,
        stop: () => {
          isOver = true
          stopped.push(asked.at(-1))
        },
      },
      request: (message: { json(): { params: unknown } }, { waiter }: { waiter: Waiter }) => {
        asked.push(message.json().params)
        waiter.answer(Buffer.from('{"jsonrpc":"2.0","id":0,"result":{}}'))
      },
    }
    return connection as unknown as Connection
  }
  const children = new SharedChildren({ isolation, handshakeTimeout: 5, idleTimeout: 1 }, connect)
  const open = async (principal: string, capabilities: object, version = '2025-11-25') => {
    const { shared } = await children.open(parse(initialize(version, capabilities)), owner(principal))
    shared.sessions++
    return shared
  }
  return { children, asked, stopped, open }
}

describe('shared children', () => {
  test('one that could not be started is forgotten, and so is what its first client wrote', async () => {
    let refusal: Refusal | undefined = cannotStart
    const { open, asked } = setUp('pool', () => refusal)
    await expect(open('alice', { secret: {} })).rejects.toBe(cannotStart)
    refusal = undefined
    const shared = await open('bob', {})
    expect(asked).toHaveLength(1)
    expect(await open('carol', {})).toBe(shared)
    expect(asked).toHaveLength(1)
  })

  test('revisions that nobody has published do not make more of them', async () => {
    const { open, asked } = setUp('pool')
    for (const version of ['1', '2', '3', '2025-11-25', '2025-06-18', '2025-11-25']) await open('alice', {}, version)
    expect(asked).toHaveLength(3)
  })

  test('capabilities in another order are the same', async () => {
    const { open } = setUp('principal')
    const one = await open('alice', { roots: { a: 1, b: [{ c: 1, d: 2 }] }, sampling: {} })
    expect(await open('alice', { sampling: {}, roots: { b: [{ d: 2, c: 1 }], a: 1 } })).toBe(one)
    expect(await open('alice', { sampling: {}, roots: { b: [{ d: 2, c: 1 }], a: 2 } })).not.toBe(one)
    expect(await open('bob', { sampling: {}, roots: { b: [{ d: 2, c: 1 }], a: 1 } })).not.toBe(one)
  })

  test('a client that declares something else each time leaves only a few behind, and others theirs', async () => {
    const { open, stopped } = setUp('principal')
    const used = await open('alice', {})
    const other = await open('bob', {})
    other.sessions--
    for (let n = 0; n < 20; n++) (await open('alice', { n: { n } })).sessions--
    expect(stopped).toHaveLength(16)
    expect(used.connection?.isOver).toBe(false)
    expect(other.connection?.isOver).toBe(false)
  })

  test('those that nobody uses are stopped after a while', async () => {
    const { open, children } = setUp('principal')
    const used = await open('alice', {})
    const unused = await open('bob', {})
    unused.sessions--
    children.tick(performance.now() + 2000)
    expect([used.connection !== undefined, unused.connection]).toEqual([true, undefined])
  })
})
