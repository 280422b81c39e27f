import { sha256Hex } from '@mcp-gateway/core/internal'
import type { ServingChild } from '../children/child-groups.js'
import { memoryOf } from '../process/memory.js'

/** What an operator sees of one session, or of one process that serves clients without sessions. Times are seconds since the epoch. */
export interface BridgeSession {
  /**
   * What `end` takes. Of a session the first 16 hexadecimal digits of the SHA-256 of its id, which never leaves the bridge
   * otherwise, as in the field `session` of the log; of a process that serves modern clients `child-<pid>`.
   */
  readonly id: string
  /**
   * The first 16 hexadecimal digits of the SHA-256 of issuer and user (`principal` of the token); absent where several users share
   * it, or nobody is known.
   */
  readonly principal?: string
  /** Of the clients that it serves: only legacy ones have sessions. */
  readonly era: 'legacy' | 'modern'
  readonly startedAt: number
  /** When a client last sent something. */
  readonly usedAt: number
  /** Requests that wait for their responses. */
  readonly inFlight: number
  /** The process; absent where a translated session has none of its own. Sessions that share a process show the same. */
  readonly pid?: number
  /** Bytes that the process and those that it started have in memory; known on Linux alone. */
  readonly memory?: number
}

/** What there is to list, as the parts of a bridge have it. Times are of `performance.now()`. */
export interface OperatorSource {
  /** Sessions of every transport. */
  sessions(): Iterable<SessionView>
  /** Processes that serve modern clients. */
  serving(): Iterable<ServedBy>
}

/** A session, as far as an operator sees it. */
export interface SessionView {
  readonly id: string
  readonly owner: { readonly principal: string }
  readonly openedAt: number
  readonly usedAt: number
  readonly inFlight: number
  readonly connection: { readonly child: { readonly pid?: number | undefined } }
}

/** A process that serves modern clients, and whose it is. */
export interface ServedBy {
  readonly child: ServingChild
  /** Empty where it is for several users. */
  readonly principal: string
}

/** Lists sessions, and the processes that serve clients without sessions. */
export async function listSessions(source: OperatorSource): Promise<BridgeSession[]> {
  const now = Date.now()
  const toTime = (at: number) => Math.round((now - (performance.now() - at)) / 1000)
  const sessions = [...source.sessions()].map(async (session): Promise<BridgeSession> => {
    const { id, owner, openedAt, usedAt, inFlight, connection } = session
    return {
      id: await fingerprint(id),
      ...(await whose(owner.principal)),
      era: 'legacy',
      startedAt: toTime(openedAt),
      usedAt: toTime(usedAt),
      inFlight,
      ...(await processOf(connection.child.pid)),
    }
  })
  const serving = [...source.serving()].map(async ({ child, principal }): Promise<BridgeSession> => {
    const { pid, startedAt } = child.connection.child
    return {
      id: `child-${pid}`,
      ...(await whose(principal)),
      era: 'modern',
      startedAt: toTime(startedAt),
      usedAt: toTime(child.usedAt),
      inFlight: child.inFlight,
      ...(await processOf(pid)),
    }
  })
  return Promise.all([...sessions, ...serving])
}

/** The session with this fingerprint. */
export async function findSession<T extends SessionView>(sessions: Iterable<T>, id: string): Promise<T | undefined> {
  for (const session of [...sessions]) if ((await fingerprint(session.id)) === id) return session
  return undefined
}

/** What stands for a secret id where people read it. */
async function fingerprint(text: string): Promise<string> {
  return (await sha256Hex(text)).slice(0, 16)
}

async function whose(principal: string): Promise<Pick<BridgeSession, 'principal'>> {
  return principal === '' ? {} : { principal: await fingerprint(principal) }
}

async function processOf(pid: number | undefined): Promise<Pick<BridgeSession, 'pid' | 'memory'>> {
  if (pid === undefined) return {}
  const memory = await memoryOf(pid)
  return memory === undefined ? { pid } : { pid, memory }
}
