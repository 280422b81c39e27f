import { member, parseSpan } from '@mcp-gateway/core/internal'
import type { ChildMessage } from '../wire/child-message.js'
import type { Peer, Pending } from './peer.js'
import type { TaskSharing } from './task-guard.js'

/** What a routing sees of a connection. */
export interface Routed {
  readonly peers: ReadonlySet<Peer>
  readonly pending: ReadonlyMap<number, Pending>
}

/** Decides who gets what a child says unasked; each message goes to the fewest who may see it. */
export interface Routing {
  /** Whether several clients share the child: then it is never paused for one of them. */
  readonly isShared: boolean
  /** How the child's tasks are kept apart. */
  readonly tasks: TaskSharing
  /** Who gets a notification that names no request and no subscription. */
  notified(message: ChildMessage, connection: Routed): readonly Peer[]
  /** Who gets a request of the child. */
  asked(connection: Routed): Peer | undefined
}

/** One client alone: everything is for it. */
export const exclusive: Routing = {
  isShared: false,
  tasks: 'none',
  notified: (_message, { peers }) => [...peers],
  asked: ({ peers }) => peers.values().next().value,
}

/** Sessions of one user: what cannot be told apart goes to the one that is at work. */
export const sharedByUser: Routing = {
  isShared: true,
  tasks: 'one',
  notified: (message, connection) => everyoneConcerned(message, connection) ?? one(atWork(connection)),
  asked: (connection) => atWork(connection),
}

/** Sessions of everybody who has no token: nobody knows whether they are one user's. */
export const sharedWithoutTokens: Routing = { ...sharedByUser, tasks: 'several' }

/** Sessions of several users: what cannot be told apart is for a session that is alone, or for nobody. */
export const sharedByAll: Routing = {
  isShared: true,
  tasks: 'several',
  notified: (message, connection) => everyoneConcerned(message, connection) ?? one(alone(connection)),
  // It was told of no client capability, so it has nothing to ask
  asked: () => undefined,
}

/** Changes of lists concern every session, those of a resource its subscribers; the rest cannot be told apart. */
function everyoneConcerned({ method, bytes, params }: ChildMessage, { peers }: Routed): readonly Peer[] | undefined {
  if (method?.endsWith('/list_changed') === true) return [...peers]
  if (method !== 'notifications/resources/updated') return undefined
  // A large message has not been parsed: anything may be there
  const uri = parseSpan(bytes, member(bytes, params, 'uri'))
  return [...peers].filter((peer) => typeof uri === 'string' && peer.subscriptions.has(uri))
}

function atWork({ peers, pending }: Routed): Peer | undefined {
  return [...pending.values()].at(-1)?.peer ?? (peers.size === 1 ? peers.values().next().value : undefined)
}

function alone({ peers, pending }: Routed): Peer | undefined {
  const working = new Set([...pending.values()].map((one) => one.peer))
  if (working.size > 1) return undefined
  return peers.size === 1 ? peers.values().next().value : undefined
}

function one(peer: Peer | undefined): readonly Peer[] {
  return peer === undefined ? [] : [peer]
}
