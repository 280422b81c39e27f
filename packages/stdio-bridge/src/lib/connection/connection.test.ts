import { parseMessage } from '@mcp-gateway/core/gateway'
import { TaskOwners } from '@mcp-gateway/core/internal'
import { describe, expect, test } from 'vitest'
import type { Child } from '../process/child.js'
import { Connection } from './connection.js'
import type { Peer, Pending } from './peer.js'
import { exclusive } from './routing.js'

const logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const parse = (message: object) => parseMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })))
const cancellation = (requestId: number) => parse({ method: 'notifications/cancelled', params: { requestId } })

/** A connection to a child that answers nothing, what the child was sent, and what its clients were answered. */
function setUp() {
  const written: { readonly id?: number; readonly method: string; readonly params?: unknown }[] = []
  const answers: (string | undefined)[] = []
  const child = { queued: 0, write: (line: Buffer) => written.push(JSON.parse(line.toString())) } as unknown as Child
  const traffic = { requests: 0, invalidLines: 0, unmatchedResponses: 0, dropped: 0 }
  const connection = new Connection(child, exclusive, {
    logger,
    traffic,
    tasks: new TaskOwners<object>(),
    maxQueuedBytes: 1000,
  })
  const peer = { subscriptions: new Set<string>() } as unknown as Peer
  connection.peers.add(peer)
  const request = (id: number, method: string): Pending => {
    const waiter = { related: () => undefined, answer: (bytes?: Buffer) => void answers.push(bytes?.toString()) }
    return connection.request(parse({ id, method }), { waiter, peer, principal: 'alice' })
  }
  return { connection, peer, request, written, answers, traffic }
}

describe('a cancellation', () => {
  test('of a call reaches the child under our number, and the call has no response', () => {
    const { connection, peer, request, written, answers } = setUp()
    const { number } = request(7, 'tools/call')
    connection.cancelled(cancellation(7), peer)
    expect(written.at(-1)).toMatchObject({ method: 'notifications/cancelled', params: { requestId: number } })
    expect([answers, connection.pending.size]).toEqual([[undefined], 0])
  })

  test('of initialize reaches nobody, and its response still arrives', () => {
    const { connection, peer, request, written, answers, traffic } = setUp()
    const { number } = request(7, 'initialize')
    Object.assign(connection.child, { answered: () => undefined })
    connection.cancelled(cancellation(7), peer)
    expect(written.map(({ method }) => method)).toEqual(['initialize'])
    connection.line(Buffer.from(`{"jsonrpc":"2.0","id":${number},"result":{}}`))
    expect(answers).toEqual(['{"jsonrpc":"2.0","id":7,"result":{}}'])
    expect(traffic.unmatchedResponses).toBe(0)
  })

  test('is not sent for an initialize that took too long', () => {
    const { connection, request, written, answers } = setUp()
    connection.giveUp(request(7, 'initialize'))
    connection.giveUp(request(8, 'tools/call'))
    expect(written.map(({ method }) => method)).toEqual(['initialize', 'tools/call', 'notifications/cancelled'])
    expect(answers).toHaveLength(2)
  })

  test('of another client finds nothing', () => {
    const { connection, request, written, answers } = setUp()
    request(7, 'tools/call')
    connection.cancelled(cancellation(7), { subscriptions: new Set<string>() } as unknown as Peer)
    expect([written.length, answers]).toEqual([1, []])
  })
})
