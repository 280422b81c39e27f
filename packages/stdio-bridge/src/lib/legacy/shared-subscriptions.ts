import type { Message } from '@mcp-gateway/core'
import { parseMessage } from '@mcp-gateway/core/gateway'
import { gatewayCode, Refusal, rawRequest, rawResponse } from '@mcp-gateway/core/internal'
import { bridgeItself } from '../children/own-request.js'
import type { SessionConnection } from '../connection/session-connection.js'
import { asBuffer, rawId } from '../wire/client-message.js'
import type { LegacySession } from './legacy-session.js'

/** Resources that one session may watch at a shared child. */
const maxWatched = 1000
/** The longest URI that is kept for a session, in characters. */
const maxUri = 8192

const quiet = { related: () => undefined, answer: () => undefined }

const tooMuch = new Refusal(
  429,
  gatewayCode(429),
  `A session may watch ${maxWatched} resources, with URIs of up to ${maxUri} characters`,
)

/**
 * Counts who wants to hear of a resource, so that one session's leaving does not silence the others.
 *
 * @returns the answer where others still watch the resource, so that the child is not told
 * @throws {Refusal} where the session watches too much
 */
export function watch(session: LegacySession, message: Message): Buffer | undefined {
  if (message.method?.endsWith('subscribe') !== true) return undefined
  const uri = message.json().params?.uri
  if (typeof uri !== 'string') return undefined
  const { subscriptions } = session
  if (message.method === 'resources/subscribe') {
    if (subscriptions.has(uri)) return undefined
    if (subscriptions.size >= maxWatched || uri.length > maxUri) throw tooMuch
    subscriptions.add(uri)
  }
  if (message.method !== 'resources/unsubscribe') return undefined
  subscriptions.delete(uri)
  if (!isWatched(session.connection, uri)) return undefined
  return asBuffer(rawResponse(rawId(message), { result: '{}' }))
}

/** A session has left: what nobody else watches, the child need not tell any more. */
export function unwatch({ connection, subscriptions }: LegacySession): void {
  for (const uri of subscriptions) {
    if (!connection.isOver && !isWatched(connection, uri)) tell(connection, 'resources/unsubscribe', uri)
  }
}

/** Tells a new child what a session watches. */
export function watchAgain({ connection, subscriptions }: LegacySession): void {
  for (const uri of subscriptions) tell(connection, 'resources/subscribe', uri)
}

function isWatched(connection: Pick<SessionConnection, 'peers'>, uri: string): boolean {
  return [...connection.peers].some((peer) => peer.subscriptions.has(uri))
}

/** Changes what a child tells of a resource, where no client waits for the answer. */
function tell(
  connection: Pick<SessionConnection, 'request'>,
  method: 'resources/subscribe' | 'resources/unsubscribe',
  uri: string,
): void {
  connection.request(parseMessage(rawRequest(0, method, JSON.stringify({ uri }))), {
    waiter: quiet,
    principal: bridgeItself,
  })
}
